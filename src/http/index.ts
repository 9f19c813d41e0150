export { type HttpOptions, type HttpServer, type HubHttpOptions, startHttp, startHubHttp } from "./server.ts";
export { STATUS_OF } from "./status.ts";
