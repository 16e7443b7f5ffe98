# The study for NVIDIA GPUs, with the environments of both trainers. Build it in a clone; it runs as an unprivileged user.
#   docker build -t study --build-arg COMMIT="$(git describe --always --dirty --abbrev=40 --exclude '*')" .
#   docker run --rm --gpus all --memory 32g --shm-size 8g -v "$PWD/artifacts:/study/artifacts" -v "$PWD/cache:/cache" study run experiments/quickstart.yaml
# artifacts/ and cache/ must belong to user 1000; otherwise add --user. Weights are in /cache, results in /study/artifacts.
FROM node:22-bookworm-slim AS node

# The Python packages contain the CUDA libraries. The base image exposes the driver.
FROM nvidia/cuda:13.0.0-base-ubuntu24.04
# gcc and python3-dev compile kernels at first use.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates gcc g++ git python3 python3-dev python3-venv \
 && rm -rf /var/lib/apt/lists/*
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
 && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \
 && (userdel --remove ubuntu || true) \
 && useradd --create-home --uid 1000 study \
 && mkdir --parents /study/artifacts /cache /opt/exp \
 && chown --recursive study:study /study /cache /opt/exp
USER study
WORKDIR /study
# Environments are part of the image. Later downloads go to /cache, which outlives a container.
ENV EXP_CACHE=/opt/exp HF_HOME=/cache/huggingface

COPY --chown=study:study package.json package-lock.json .npmrc tsconfig.json LICENSE ./
COPY --chown=study:study runner runner
RUN npm ci && npm run build && npm prune --omit=dev
COPY --chown=study:study recipes recipes
RUN node dist/cli.js setup torchtune axolotl --torch cuda
COPY --chown=study:study notebooks notebooks
COPY --chown=study:study prompts prompts
COPY --chown=study:study experiments experiments

# The commit for manifests: the image has no repository.
ARG COMMIT=""
ENV EXP_COMMIT=$COMMIT

ENTRYPOINT ["node", "dist/cli.js"]
CMD ["--help"]
