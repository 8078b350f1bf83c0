//go:build linux

package binfmt

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Where systemd-binfmt(8) finds what to register at boot: the administrator's files,
// which may replace a distribution's of the same name, and those.
const (
	ConfDir   = "/etc/binfmt.d"
	vendorDir = "/usr/lib/binfmt.d"
)

// replaces begins the line of our file in ConfDir that names the entries which were
// put out of effect for it.
const replaces = "# replaces:"

// ErrConflict says that other entries are about the same programs.
var ErrConflict = errors.New("already run by another interpreter")

// Install registers e, in place of an entry of the same name. Others that are about
// the same programs are disabled if replace is set, and otherwise an error. With
// persistent, e is also registered when the machine starts. What is done is told to w.
func Install(e Entry, replace, persistent bool, w io.Writer) error {
	if err := Mount(); err != nil {
		return err
	}
	list, err := Entries()
	if err != nil {
		return err
	}
	others := Conflicts(list, &e)
	if len(others) > 0 && !replace {
		return fmt.Errorf("these programs are %w: %s (--replace disables it)", ErrConflict, names(others))
	}
	if err := register(e, list); err != nil {
		return err
	}
	fmt.Fprintf(w, "registered %s: %s, flags %s\n", e.Name, e.Interpreter, e.Flags)
	for _, o := range others {
		if err := Disable(o.Name); err != nil {
			return fmt.Errorf("%s: %w", o.Name, err)
		}
		fmt.Fprintf(w, "disabled %s: %s\n", o.Name, o.Interpreter)
	}
	if persistent {
		if err := writeConf(e, others, w); err != nil {
			return err
		}
	}
	if on, err := Enabled(); err == nil && !on {
		return ErrDisabled
	}
	return nil
}

// register registers e in place of the entry of the same name in list, which comes
// back if that fails.
func register(e Entry, list []Entry) error {
	var old *Entry
	for i := range list {
		if list[i].Name == e.Name {
			old = &list[i]
			if err := Remove(e.Name); err != nil {
				return err
			}
		}
	}
	err := Register(e)
	if err != nil && old != nil {
		_ = Register(*old)
	}
	return err
}

// Conflicts returns the enabled entries other than e that are about programs which e
// is about.
func Conflicts(list []Entry, e *Entry) (others []Entry) {
	head := make([]byte, headSize)
	copy(head[e.Offset:], e.Magic)
	for _, o := range list {
		if o.Enabled && o.Name != e.Name && o.Matches(head) {
			others = append(others, o)
		}
	}
	return others
}

// names lists entries with their interpreters.
func names(list []Entry) string {
	var s []string
	for _, e := range list {
		s = append(s, fmt.Sprintf("%s (%s)", e.Name, e.Interpreter))
	}
	return strings.Join(s, ", ")
}

// Uninstall removes the entry and what Install has made for it to be persistent. What
// is done is told to w.
func Uninstall(name string, w io.Writer) error {
	done := false
	if err := Check(); err == nil {
		list, err := Entries()
		if err != nil {
			return err
		}
		for _, e := range list {
			if e.Name == name {
				if err := Remove(name); err != nil {
					return err
				}
				done = true
				fmt.Fprintf(w, "removed %s\n", name)
			}
		}
	} else if err != ErrNotMounted && err != ErrNoKernel {
		return err
	}
	removed, err := removeConf(name, w)
	if err != nil {
		return err
	}
	if !done && !removed {
		fmt.Fprintf(w, "%s is not registered\n", name)
	}
	return nil
}

// ConfFile is the file that has an entry registered when the machine starts.
func ConfFile(name string) string { return filepath.Join(ConfDir, name+".conf") }

// writeConf has e registered, and the others not, when the machine starts.
func writeConf(e Entry, others []Entry, w io.Writer) error {
	line, err := e.Line()
	if err != nil {
		return err
	}
	var replaced []string
	for _, o := range others {
		replaced = append(replaced, o.Name)
		conf := o.Name + ".conf"
		if _, err := os.Stat(filepath.Join(vendorDir, conf)); err != nil {
			fmt.Fprintf(w, "%s is not of %s: it may be registered again when the machine starts\n", o.Name, vendorDir)
			continue
		}
		// An empty file of the same name counts instead of it.
		if err := os.Symlink(os.DevNull, filepath.Join(ConfDir, conf)); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	text := "# Made by hospes install --persistent; hospes uninstall removes it.\n"
	if len(replaced) > 0 {
		text += replaces + " " + strings.Join(replaced, " ") + "\n"
	}
	if err := os.MkdirAll(ConfDir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(ConfFile(e.Name), []byte(text+line+"\n"), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(w, "wrote %s\n", ConfFile(e.Name))
	return nil
}

// removeConf undoes writeConf, and enables again what was disabled for it.
func removeConf(name string, w io.Writer) (removed bool, err error) {
	text, err := os.ReadFile(ConfFile(name))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	for _, line := range strings.Split(string(text), "\n") {
		list, ok := strings.CutPrefix(line, replaces)
		if !ok {
			continue
		}
		for _, other := range strings.Fields(list) {
			mask := ConfFile(other)
			if target, err := os.Readlink(mask); err == nil && target == os.DevNull {
				_ = os.Remove(mask)
			}
			if write(other, "1") == nil {
				fmt.Fprintf(w, "enabled %s\n", other)
			}
		}
	}
	if err := os.Remove(ConfFile(name)); err != nil {
		return false, err
	}
	fmt.Fprintf(w, "removed %s\n", ConfFile(name))
	return true, nil
}
