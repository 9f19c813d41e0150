// Bun gives the text of a file imported `with { type: "text" }`; tsc needs to be told what that is.
declare module "*.sql" {
  const text: string;
  export default text;
}
