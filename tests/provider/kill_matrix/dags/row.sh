#!/bin/sh
# One row: VALUE FOLDER. Says that it ran, and ends when it may; it fails if there is a file bad-VALUE.
echo "$1" >> "$2/ran"
until [ -e "$2/go" ]; do sleep 0.3; done
[ ! -e "$2/bad-$1" ] || exit 3
