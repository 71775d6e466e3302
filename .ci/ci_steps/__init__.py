"""The program behind `bash .ci/run`. It uses only the standard library, because it runs before environments exist."""
