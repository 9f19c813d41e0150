FROM oven/bun:1.4.5-slim AS build
WORKDIR /build
COPY package.json bun.lock bunfig.toml .bun-version ./
RUN bun install --frozen-lockfile --ignore-scripts --production
COPY scripts scripts
COPY src src
# The build has no git: docker build --build-arg LARDER_COMMIT="$(git rev-parse HEAD)" .
ARG LARDER_COMMIT=""
RUN bun scripts/build.ts --outfile dist/larder --commit "$LARDER_COMMIT"

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --no-create-home larder \
  && install --directory --owner larder --group larder --mode 0700 /var/lib/larder
COPY --from=build /build/dist/larder /usr/local/bin/larder
# Reaching the server from outside of the container needs an address other than loopback, and that needs a token:
#   docker run --rm -v larder:/var/lib/larder larder token create --name laptop --scope read --scope pull
ENV LARDER_HOME=/var/lib/larder LARDER_HOST=0.0.0.0
VOLUME /var/lib/larder
EXPOSE 7420
USER larder
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["larder", "pulls", "--json"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["larder"]
CMD ["serve"]
