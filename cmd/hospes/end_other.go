//go:build !(linux && amd64)

package main

import (
	"io"
	"os"

	"github.com/hospes-vm/hospes"
)

// On other hosts no guest runs, so that none ends.

func endAs(s hospes.Status) { os.Exit(s.Code) }

func (o *opts) log() (io.Writer, error)  { return nil, nil }
func (o *opts) page() (io.Writer, error) { return nil, nil }

func (o *opts) reports(*hospes.Config) error { return nil }

func awaited() (chan struct{}, error)                 { return nil, nil }
func (debugAddress) listen() (int, error)             { return -1, nil }
func (debugAddress) start(int) (chan struct{}, error) { return nil, nil }

func buildNotes() []string {
	return []string{"this host cannot run Linux programs; linux/amd64 can"}
}
