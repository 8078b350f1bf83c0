package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Images are read and pulled by another command, so that this one has no network, no
// cryptography and no decompression to initialise at each start. See cmd/hospes-image for
// what is said between them.

// image is an unpacked image.
type image struct {
	Root   string // the directory
	Config struct {
		Entrypoint, Cmd, Env []string
		WorkingDir, User     string
	}
}

// imageCommand is the name of the other command, which lies beside this one, or in PATH.
const imageCommand = "hospes-image"

// imageCommandFile finds the command; it is "" if there is none.
func imageCommandFile() string { return besideOrInPath(imageCommand) }

// besideOrInPath finds a command beside this one, or in PATH; "" if there is none.
func besideOrInPath(name string) string {
	if exe, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(exe), name)
		if _, err := os.Stat(beside); err == nil {
			return beside
		}
	}
	file, _ := exec.LookPath(name)
	return file
}

func runImageCommand(args ...string) ([]byte, error) {
	file := imageCommandFile()
	if file == "" {
		return nil, fmt.Errorf("images need the command %s, which is neither beside hospes nor in PATH", imageCommand)
	}
	cmd := exec.Command(file, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() > 0 {
		return nil, errNo // it has said why
	}
	return out, err
}

// unpack makes a directory of an image.
func unpack(ref string) (img image, err error) {
	out, err := runImageCommand("unpack", ref)
	if err == nil {
		err = json.Unmarshal(out, &img)
	}
	return img, err
}

// pull unpacks what a registry has, whether or not it is known already.
func pull(_ *opts, args []string) error {
	if len(args) != 1 {
		return usageError{errors.New("which image? docker://REGISTRY/NAME:TAG")}
	}
	ref := args[0]
	if !strings.Contains(ref, "://") {
		ref = "docker://" + ref // there is nowhere else to pull from
	}
	out, err := runImageCommand("pull", ref)
	if err != nil {
		return err
	}
	var img image
	if err := json.Unmarshal(out, &img); err != nil {
		return err
	}
	fmt.Println(img.Root)
	return nil
}

// copyRoot makes a copy of the root that is removed when this process has ended.
func (r *runOpts) copyRoot() (string, error) {
	out, err := runImageCommand("copy", "--for", strconv.Itoa(os.Getpid()), r.root)
	if err == errNo {
		err = errors.New("the root cannot be copied")
	}
	return string(out), err
}
