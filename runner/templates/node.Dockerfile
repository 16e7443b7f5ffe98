# The study without Python: its predictions are replayed from files, or come from a server. Runs as an unprivileged user.
#   docker build -t study .
#   docker run --rm -v "$PWD/artifacts:/study/artifacts" study run experiments/first.yaml
# artifacts/ must belong to user 1000; otherwise add --user. Results are in /study/artifacts.
FROM node:22-bookworm-slim
RUN mkdir --parents /study/artifacts && chown --recursive node:node /study
USER node
WORKDIR /study
COPY --chown=node:node package.json *.tgz ./
RUN npm install --omit=dev
COPY --chown=node:node . ./

# The image has no git repository, so manifests take the commit from EXP_COMMIT.
ARG COMMIT=""
ENV EXP_COMMIT=$COMMIT

ENTRYPOINT ["npx", "exp"]
CMD ["--help"]
