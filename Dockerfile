# docker build -t dochook . && docker run -p 127.0.0.1:8000:8000 -v dochook:/data dochook
# The first start prints the admin key once: docker logs shows it.

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH
# No C anywhere: one static file. The version in it comes from .git.
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags='-s -w' -o /image/dochook . \
 && mkdir -p /image/data /image/tmp /image/etc/ssl/certs \
 && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
 && chmod 1777 /image/tmp

# Nothing but the program, the certificate authorities it trusts, and its data.
FROM scratch
COPY --from=build /image /
COPY --from=build --chown=65532:65532 /image/data /data
USER 65532:65532
VOLUME /data
WORKDIR /data
# SQLite puts large sorts beside the data, so that the rest can be read-only.
ENV DOCHOOK_DATABASE=sqlite:/data/dochook.db \
    DOCHOOK_LISTEN=0.0.0.0:8000 \
    SQLITE_TMPDIR=/data
EXPOSE 8000
# There is no shell in here: the program asks itself. An orchestrator may ask GET /healthz and /readyz instead.
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 CMD ["/dochook", "healthcheck"]
ENTRYPOINT ["/dochook"]
CMD ["serve"]
