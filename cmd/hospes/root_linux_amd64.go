package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hospes-vm/hospes"
	"github.com/hospes-vm/hospes/internal/rootfs"
	"github.com/hospes-vm/hospes/internal/self"
)

// runOpts are the options of hospes run.
type runOpts struct {
	root       string
	binds      []rootfs.Bind
	env        []string
	dir        string
	user       string
	entrypoint *string
	discard    bool
	keep       string
	confine    string

	image image // what root is, if it is an image
	found rootfs.User
}

// confinements are the ways to keep a guest inside its root: by namespaces of the kernel,
// or by how paths are resolved.
const (
	confineAuto       = "auto"
	confineNamespaces = "namespaces"
	confinePaths      = "paths"
)

var runTable = []option{
	{"root", "", "ROOT", "the root: a directory, an OCI image layout, a tar of one or of docker save, either with :TAG, or docker://REGISTRY/NAME:TAG", runOption(func(r *runOpts, v string) error {
		r.root = v
		return nil
	})},
	{"v, volume", "", "HOST:GUEST[:ro]", "have a path inside lead to a file or directory of the host", runOption(func(r *runOpts, v string) error {
		b, err := parseBind(v)
		r.binds = append(r.binds, b)
		return err
	})},
	{"w, workdir", "", "DIR", "working directory inside; default: the image's, or /", runOption(func(r *runOpts, v string) error {
		r.dir = v
		return nil
	})},
	{"e, env", "", "NAME[=VALUE]", "set a variable; without a value, that of the host's environment", runOption(func(r *runOpts, v string) error {
		r.env = append(r.env, v)
		return nil
	})},
	{"u, user", "", "USER[:GROUP]", "who the program is inside: names of the root's etc/passwd, or numbers; default: the image's, or root", runOption(func(r *runOpts, v string) error {
		r.user = v
		return nil
	})},
	{"entrypoint", "", "PROGRAM", "in place of the image's entry point", runOption(func(r *runOpts, v string) error {
		r.entrypoint = &v
		return nil
	})},
	{"rm", "", "", "forget at the end what the program changes in ROOT; always so for an image", runOption(func(r *runOpts, v string) error {
		return parseSwitch(&r.discard, v)
	})},
	{"keep", "", "DIR", "keep changes of ROOT in DIR, and begin with those that are there", runOption(func(r *runOpts, v string) error {
		r.keep = v
		return checkDir(v)
	})},
	{"confine", "HOSPES_CONFINE", "auto|namespaces|paths", "what keeps the program inside: namespaces of the kernel, or, on hosts without, how paths are resolved; auto is the default", runOption(func(r *runOpts, v string) error {
		switch v {
		case confineAuto, confineNamespaces, confinePaths:
			r.confine = v
			return nil
		}
		return fmt.Errorf("%q is none of auto, namespaces, paths", v)
	})},
}

// runOption is the setter of an option of hospes run.
func runOption(set func(*runOpts, string) error) func(*opts, string) error {
	return func(o *opts, v string) error {
		if o.run == nil {
			o.run = &runOpts{}
		}
		return set(o.run, v)
	}
}

// parseBind reads HOST:GUEST, with :ro or :rw or not.
func parseBind(v string) (b rootfs.Bind, err error) {
	parts := strings.Split(v, ":")
	mode := "rw"
	if len(parts) == 3 {
		mode, parts = parts[2], parts[:2]
	}
	if len(parts) != 2 || parts[0] == "" || !filepath.IsAbs(parts[1]) || mode != "ro" && mode != "rw" {
		return b, fmt.Errorf("%q is not of the form HOST:/GUEST or HOST:/GUEST:ro", v)
	}
	host, err := filepath.Abs(parts[0])
	if err == nil {
		host, err = filepath.EvalSymlinks(host)
	}
	return rootfs.Bind{Host: host, Guest: filepath.Clean(parts[1]), ReadOnly: mode == "ro"}, err
}

// runInRoot finds the root and the program that is to be run in it.
func runInRoot(o *opts, args []string) error {
	r := o.run
	switch {
	case r == nil || r.root == "":
		return usageError{errors.New("no root given: --root ROOT")}
	case o.sysroot != "":
		return usageError{errors.New("-L is another root than --root")}
	case r.discard && r.keep != "":
		return usageError{errors.New("--rm and --keep: changes are either forgotten or kept")}
	}
	if err := o.conflicts(); err != nil {
		return usageError{err}
	}
	if err := r.find(); err != nil {
		return err
	}
	args = r.command(args)
	if len(args) == 0 {
		return usageError{errors.New("no program given, and the root says none")}
	}
	o.program, o.args = args[0], args[1:]
	return nil
}

// find makes a directory of the root, and finds the user in it.
func (r *runOpts) find() (err error) {
	if err := exists(r.root); err != nil {
		return err
	}
	if !isRootDirectory(r.root) {
		if r.image, err = unpack(r.root); err != nil {
			return err
		}
		r.root = r.image.Root
		r.discard = r.keep == ""
	}
	if r.root, err = filepath.Abs(r.root); err == nil {
		r.root, err = filepath.EvalSymlinks(r.root)
	}
	switch {
	case err != nil:
		return err
	case r.root == "/":
		return errors.New("the root is the host's own; run the program without hospes run")
	}
	dirs := []string{r.root}
	if r.keep != "" {
		if r.keep, err = filepath.Abs(r.keep); err != nil {
			return err
		}
		dirs = []string{filepath.Join(r.keep, "upper"), r.root}
	}
	r.found, err = rootfs.FindUser(cmp.Or(r.user, r.image.Config.User), dirs...)
	return err
}

// exists reports why there is no root of this name. A tag may follow that of an image.
func exists(name string) error {
	if strings.Contains(name, "://") {
		return nil
	}
	_, err := os.Stat(name)
	if i := strings.LastIndexByte(name, ':'); err != nil && i > 0 {
		if _, e := os.Stat(name[:i]); e == nil {
			return nil
		}
	}
	return err
}

// isRootDirectory reports whether a root is a directory that is no image.
func isRootDirectory(name string) bool {
	st, err := os.Stat(name)
	if err != nil || !st.IsDir() {
		return false
	}
	_, err = os.Lstat(filepath.Join(name, "oci-layout"))
	return err != nil
}

// command is the program to run and its arguments: args follow the entry point, and
// take the place of the image's own arguments.
func (r *runOpts) command(args []string) []string {
	entry, rest := r.image.Config.Entrypoint, r.image.Config.Cmd
	if r.entrypoint != nil {
		entry, rest = nil, nil
		if *r.entrypoint != "" {
			entry = []string{*r.entrypoint}
		}
	}
	if len(args) > 0 {
		rest = args
	}
	return append(entry[:len(entry):len(entry)], rest...)
}

// defaultPath is PATH where an image says nothing.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment is what a program begins with: nothing of the host's but TERM.
func (r *runOpts) environment(host []string) []string {
	value := func(name string) (string, bool) {
		for _, kv := range host {
			if v, ok := strings.CutPrefix(kv, name+"="); ok {
				return kv, v != ""
			}
		}
		return "", false
	}
	env := &opts{setEnv: []string{defaultPath, "HOME=" + r.found.Home}}
	if term, ok := value("TERM"); ok {
		env.setEnv = append(env.setEnv, term)
	}
	for _, kv := range append(r.image.Config.Env, r.env...) {
		if !strings.Contains(kv, "=") {
			var ok bool
			if kv, ok = value(kv); !ok {
				continue
			}
		}
		env.setEnv = append(env.setEnv, kv)
	}
	return env.environment(nil)
}

// enter moves the process into the root, and changes cfg accordingly.
func (o *opts) enter(cfg *hospes.Config) error {
	r := o.run
	self.Open()
	rc := rootfs.Config{Root: r.root, Binds: r.binds, Discard: r.discard, Keep: r.keep, Copy: r.copyRoot, User: r.found}
	if o.logFile != "" {
		var err error
		if rc.Log, err = filepath.Abs(o.logFile); err != nil {
			return err
		}
	}
	for _, f := range []string{o.profile.file, o.coverage.file} {
		if f != "" {
			rc.Files = append(rc.Files, absolute(f))
		}
	}
	cfg.Search = true
	cfg.Dir = cmp.Or(r.dir, r.image.Config.WorkingDir, "/")
	if r.confine != confinePaths {
		err := rootfs.Enter(rc)
		var unavailable *rootfs.UnavailableError
		if err == nil {
			cfg.Sysroot = "/"
			if o.logFile != "" && o.out != nil {
				o.logFile = rootfs.LogFile
				cfg.ExecOptions = o.execOptions()
			}
			return nil
		}
		if r.confine == confineNamespaces || !errors.As(err, &unavailable) {
			return err
		}
	}
	dir, binds, err := rootfs.Paths(rc)
	cfg.Root = dir
	for _, b := range binds {
		cfg.Binds = append(cfg.Binds, hospes.Bind{Host: b.Host, Guest: b.Guest})
	}
	return err
}
