"""The program behind `bash .ci/run`: standard library only, since it runs before there is an environment."""
