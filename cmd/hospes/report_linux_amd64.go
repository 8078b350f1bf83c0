package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes"
	"github.com/hospes-vm/hospes/internal/reserved"
)

// reportFile is a file about each process. That of the first one has the name; those of others
// have their process ID behind it, and a number if there is one already.
type reportFile struct {
	name  string
	dir   *reserved.Descriptor // wherever the guest goes to
	other bool                 // the process is not the first one
	made  string               // the name of the file that has been made, or ""
}

// reports has the configuration write the reports that are wanted.
func (o *opts) reports(cfg *hospes.Config) error {
	if o.profile.file != "" {
		r, err := o.newReport(o.profile.file)
		if err != nil {
			return err
		}
		cfg.Profile = &hospes.Profile{Rate: o.profile.rate, Report: r.create}
	}
	if o.coverage.file != "" {
		r, err := o.newReport(o.coverage.file)
		if err != nil {
			return err
		}
		cfg.Coverage = &hospes.Coverage{Report: r.add}
		if o.coverage.paths != "" {
			cfg.Coverage.Paths = strings.Split(o.coverage.paths, ",")
		}
	}
	if o.exploreDir != "" {
		dir, err := openDir(o.exploreDir)
		if err != nil {
			return err
		}
		cfg.Explore = func(name string, add bool) (io.WriteCloser, error) {
			mode := unix.O_TRUNC
			if add {
				mode = unix.O_APPEND
			}
			return openIn(dir, o.exploreDir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC|mode)
		}
	}
	return nil
}

// openDir keeps a directory open, out of the guest's reach and wherever that goes to.
func openDir(name string) (*reserved.Descriptor, error) {
	fd, err := unix.Open(name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		var d *reserved.Descriptor
		if d, err = reserved.Keep(fd); err == nil {
			return d, nil
		}
	}
	return nil, &os.PathError{Op: "open", Path: name, Err: err}
}

// openIn opens a file of a directory that has a name.
func openIn(dir *reserved.Descriptor, name, base string, flags int) (io.WriteCloser, error) {
	fd, err := unix.Openat(dir.Int(), base, flags, 0o666)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: filepath.Join(name, base), Err: err}
	}
	return os.NewFile(uintptr(fd), base), nil
}

// newReport gets ready to make a file, and makes it unless this is a program that the guest has executed.
func (o *opts) newReport(name string) (*reportFile, error) {
	r := &reportFile{name: name, other: o.resume != nil && o.resume.Options != nil}
	var err error
	if r.dir, err = openDir(filepath.Dir(name)); err != nil {
		return nil, err
	}
	if r.other {
		return r, nil
	}
	f, err := r.create(false)
	if err == nil {
		err = f.Close()
	}
	return r, err
}

// create makes the file, or empties the one that it has made.
func (r *reportFile) create(child bool) (io.WriteCloser, error) {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC | unix.O_CLOEXEC
	if child && !r.other {
		r.other, r.made = true, ""
	}
	base := filepath.Base(r.name)
	if r.made == "" && !r.other {
		r.made = base
	}
	if r.made != "" {
		return r.open(r.made, flags)
	}
	name := fmt.Sprintf("%s.%d", base, os.Getpid())
	for n := 1; ; n++ {
		f, err := r.open(name, flags|unix.O_EXCL)
		if !errors.Is(err, unix.EEXIST) {
			r.made = name
			return f, err
		}
		name = fmt.Sprintf("%s.%d.%d", base, os.Getpid(), n)
	}
}

// add opens the file of all processes, to append to it.
func (r *reportFile) add(bool) (io.WriteCloser, error) {
	return r.open(filepath.Base(r.name), unix.O_WRONLY|unix.O_CREAT|unix.O_APPEND|unix.O_CLOEXEC)
}

func (r *reportFile) open(base string, flags int) (io.WriteCloser, error) {
	return openIn(r.dir, filepath.Dir(r.name), base, flags)
}
