# Stands in for the official Redis image where no registry can be reached: its user, its data directory, its programs.
ARG BASE
FROM ${BASE}
RUN groupadd --gid 999 redis \
    && useradd --uid 999 --gid 999 --no-create-home --home-dir /data --shell /usr/sbin/nologin redis \
    && install -d -o redis -g redis /data \
    && apt-get update -q=2 \
    && apt-get install -q=2 --yes --no-install-recommends redis-server \
    && rm -rf /var/lib/apt/lists
WORKDIR /data
CMD ["redis-server"]
