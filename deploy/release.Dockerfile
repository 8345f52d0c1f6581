# Built by `make release` in the folder of a release: the image has the same
# binary as the download.
ARG BINARY=tactus

FROM busybox:1.37 AS data
ARG BINARY
COPY ${BINARY} /out/tactus
RUN chmod 755 /out/tactus && mkdir /out/data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=data /out/tactus /tactus
COPY --from=data --chown=nonroot:nonroot /out/data /data
VOLUME /data
# Loopback is not reachable from outside the container. A flag --listen wins.
ENV TACTUS_LISTEN=0.0.0.0:8080
EXPOSE 8080 8081 8090
ENTRYPOINT ["/tactus"]
CMD ["version"]
