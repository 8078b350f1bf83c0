//go:build !(linux && amd64)

package main

// On other hosts no guest runs: there is nothing to register.

const commandsUsage = ""

func runCommand([]string) {}

func answerIdentity() {}
