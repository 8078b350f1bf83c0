//go:build !(linux && amd64)

package main

import "github.com/hospes-vm/hospes"

// On other hosts no guest runs: there is nothing to register.

func hostCommands() []command { return nil }

func answerIdentity() {}

type (
	installOpts struct{}
	runOpts     struct{}
)

func (*runOpts) environment(env []string) []string { return env }

func (o *opts) enter(*hospes.Config) error { return nil }
