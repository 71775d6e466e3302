"""The program behind `bash .ci/run`: standard library only, because it runs before the environment exists."""
