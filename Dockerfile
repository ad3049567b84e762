# The image of the operator, and of the command.
#
#   docker build --tag sluice .
#   docker run --rm sluice --help

FROM swift:6.3-bookworm AS build
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends libcurl4-openssl-dev libsqlite3-dev libssl-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# First what changes seldom: a change of the sources then fetches nothing again.
COPY Package.swift ./
RUN swift package resolve
# The tests are not built, but Package.swift names their directories.
COPY Sources Sources
COPY Tests Tests
RUN swift build --configuration release --static-swift-stdlib --product sluice \
    && install -D --strip "$(swift build --configuration release --static-swift-stdlib --show-bin-path)/sluice" /out/sluice

FROM debian:bookworm-slim
# What the binary loads (libc, libcurl, libsqlite3, libssl, libcrypto, libstdc++, libgcc), the roots of public trust, and the time zones.
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        ca-certificates libcurl4 libsqlite3-0 libssl3 libstdc++6 tzdata \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/sluice /usr/local/bin/sluice
COPY LICENSE /usr/share/doc/sluice/LICENSE
LABEL org.opencontainers.image.title="sluice" \
      org.opencontainers.image.description="Runs machine-learning pipelines on Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0"
# By number, so that runAsNonRoot can be checked.
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["/usr/local/bin/sluice"]
CMD ["operator"]
