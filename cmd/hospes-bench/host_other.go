//go:build !linux

package main

import (
	"errors"
	"os"
	"os/exec"
)

func worldCommand() *exec.Cmd { return exec.Command("false") }

func (*job) enter() error { return errors.New("needs Linux") }

func (j *job) command() *exec.Cmd { return exec.Command(j.Argv[0], j.Argv[1:]...) }

func monotonic() int64 { return 0 }

func interrupt(*os.Process) error { return errors.New("needs Linux") }
