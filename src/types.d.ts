// Bun gives the text of a file imported `with { type: "text" }`; tsc needs to be told what that is.
declare module "*.sql" {
  const text: string;
  export default text;
}

// And the path of a file imported `with { type: "file" }`.
declare module "*.onnx" {
  const path: string;
  export default path;
}
