#!/bin/sh
# Remove files that no process reads from an image's packages. Afterwards, the build imports all modules of the service.
set -eu
cd "$1"

# Only the model's files of this package are used (docs/offline-scoring.md); its code is never imported.
if [ -d moonshine_voice ]; then
    find moonshine_voice -type f ! -path 'moonshine_voice/assets/tiny-en/*' -delete
    : > moonshine_voice/__init__.py
    rm -r moonshine_voice.libs
fi

if [ -d av.libs ]; then
    python /build/stub_libraries.py av.libs
fi

# Several wheels contain the debug information of their compiled modules, which is larger than the modules. The
# libraries in wheels (*.libs) stay as they are.
find . -name '*.so' ! -path '*.libs/*' -exec strip --strip-debug {} +

# Tests, and tools that create models.
rm -rf numpy/tests numpy/*/tests onnxruntime/quantization onnxruntime/tools onnxruntime/transformers
