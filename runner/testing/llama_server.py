"""llama.cpp's OpenAI-compatible server on a GGUF: `llama_server.py GGUF SLOTS`. Prints its address, ends when stdin does."""

import sys

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.n_parallel = int(sys.argv[2])
params.n_ctx = 1024 * params.n_parallel
params.cpuparams.n_threads = 1
params.port = 0
params.hostnames = ["127.0.0.1"]
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
