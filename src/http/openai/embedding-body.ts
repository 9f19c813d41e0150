import { z } from "zod";
import { bodyOf, ignored, named, refused, severalTexts } from "./fields.ts";

const INPUTS_MAX = 2048;
const INPUT = `A text that is not empty, or 1 to ${INPUTS_MAX} of them; tokens are not taken`;

export const embeddingBody = bodyOf({
  model: named,
  input: severalTexts({ min: 1, max: INPUTS_MAX, allowed: INPUT }),
  encoding_format: z.enum(["float", "base64"], "Only float and base64 are supported").default("float"),
  dimensions: refused("Not supported: a model gives as many as it has"),
  ...ignored("user"),
});
