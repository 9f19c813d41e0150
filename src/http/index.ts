export { Handler, type HandlerOptions } from "./handler.ts";
export { type HttpOptions, type HttpServer, startHttp } from "./server.ts";
export { STATUS_OF } from "./status.ts";
