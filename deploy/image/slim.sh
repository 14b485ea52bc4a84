#!/bin/sh
# Remove from an image's packages what no process reads. The build imports all modules of the service afterwards.
set -eu
cd "$1"

# Of this package only the model's files are used (docs/offline-scoring.md); its code is never imported.
if [ -d moonshine_voice ]; then
    find moonshine_voice -type f ! -path 'moonshine_voice/assets/tiny-en/*' -delete
    : > moonshine_voice/__init__.py
    rm -r moonshine_voice.libs
fi

# Several wheels contain the debug information of their compiled modules, which is larger than the modules. The
# libraries that wheels bring along (*.libs) are left as they are.
find . -name '*.so' ! -path '*.libs/*' -exec strip --strip-debug {} +

# Tests, and tools that create models.
rm -rf numpy/tests numpy/*/tests onnxruntime/quantization onnxruntime/tools onnxruntime/transformers
