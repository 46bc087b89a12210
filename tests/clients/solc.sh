#!/bin/sh
# npm's solc under the command line of the native one, for tools that start a compiler as a program.
exec node "$(dirname "$0")/solc_wrapper.cjs" "$@"
