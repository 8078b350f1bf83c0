//go:build !linux || !amd64

package testcmd

func inheritNothing() {}
