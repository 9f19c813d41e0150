import { createPolicy, POLICY_NAMES } from "../../src/cache/policies/index.ts";
import { testPolicy } from "./policy-contract.ts";

for (const name of POLICY_NAMES) testPolicy(name, (context) => createPolicy(name, context));
