/** What an `Authorization` header can hold; tokens of the hub are short, those of its sign-in pages are not. */
const TOKEN = /^[!-~]{1,4096}$/;

/** A token for the hub as it is sent, without the space around it. Undefined when it is none; nobody may show what it was. */
export function parseHubToken(text: string): string | undefined {
  const token = text.trim();
  return TOKEN.test(token) ? token : undefined;
}
