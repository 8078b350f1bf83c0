//go:build linux

package binfmt

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// IdentifyVar is the environment variable that has an interpreter of ours say which
// file it is (see Identity) instead of running the program.
const IdentifyVar = "HOSPES_IDENTIFY"

// Identity tells files apart: device and inode.
func Identity(fd int) string {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return ""
	}
	return fmt.Sprintf("%x %x", st.Dev, st.Ino)
}

// Status tells w in words whether the kernel runs what want is about with this very
// executable, open as self, and what is missing.
func Status(want Entry, self int, w io.Writer) (ok bool) {
	if err := Check(); err != nil {
		fmt.Fprintln(w, err)
		return false
	}
	list, err := Entries()
	if err != nil {
		fmt.Fprintln(w, err)
		return false
	}
	say := func(format string, args ...any) { ok = false; fmt.Fprintf(w, format+"\n", args...) }
	ok = true
	if on, err := Enabled(); err == nil && !on {
		say("%v", ErrDisabled)
	}
	var found *Entry
	for i := range list {
		if list[i].Name == want.Name {
			found = &list[i]
		}
	}
	switch {
	case found == nil:
		say("%s is not registered (hospes install)", want.Name)
	case !found.Enabled:
		say("%s is registered, but disabled (hospes install)", want.Name)
	default:
		fmt.Fprintf(w, "%s is registered and enabled: %s, flags %s\n", found.Name, found.Interpreter, found.Flags)
		for _, f := range Flags {
			if !found.Has(byte(f)) {
				say("the flag %c is missing (hospes install)", f)
			}
		}
		if !want.matchedBy(found) {
			say("it is about other files than it should be (hospes install)")
		}
	}
	others := Conflicts(list, &want)
	if len(others) > 0 {
		fmt.Fprintf(w, "also registered for these programs: %s; the kernel takes the latest\n", names(others))
	}
	if ok || len(others) > 0 {
		ok = tellIdentity(want, self, w) && ok
	}
	if _, err := os.Stat(ConfFile(want.Name)); err == nil {
		fmt.Fprintf(w, "%s registers it when the machine starts\n", ConfFile(want.Name))
	} else if found != nil {
		fmt.Fprintln(w, "it will be gone when the machine starts anew (hospes install --persistent)")
	}
	return ok
}

// matchedBy reports whether the files that e is about, o is about too.
func (e *Entry) matchedBy(o *Entry) bool {
	head := make([]byte, headSize)
	copy(head[e.Offset:], e.Magic)
	return o.Matches(head)
}

// tellIdentity tells who runs programs that e is about, by having one run.
func tellIdentity(e Entry, self int, w io.Writer) bool {
	answer, err := identify(e)
	switch {
	case err != nil:
		fmt.Fprintln(w, "cannot run a program to see who interprets it:", err)
		return false
	case answer == "":
		fmt.Fprintln(w, "programs are not interpreted by a hospes")
		return false
	case answer != Identity(self):
		fmt.Fprintln(w, "programs are interpreted by another hospes than this one, or this one as it was before it was replaced (hospes install)")
		return false
	}
	fmt.Fprintln(w, "programs are interpreted by this hospes")
	return true
}

// identify has the kernel start a program that e is about, and returns what its
// interpreter says of itself. An interpreter that is not ours says nothing of the kind.
func identify(e Entry) (string, error) {
	fd, err := unix.MemfdCreate("hospes-status", unix.MFD_EXEC)
	if err == unix.EINVAL { // Linux before 6.3
		fd, err = unix.MemfdCreate("hospes-status", 0)
	}
	if err != nil {
		return "", err
	}
	program := os.NewFile(uintptr(fd), "program")
	defer program.Close()
	image := make([]byte, headSize)
	copy(image[e.Offset:], e.Magic)
	if _, err := program.Write(image); err != nil {
		return "", err
	}
	r, out, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	// Of the same name in the child, and open for reading only: else the file is busy.
	name := fmt.Sprintf("/proc/self/fd/%d", fd)
	reopened, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer reopened.Close()
	_ = program.Close()
	p, err := os.StartProcess("/proc/self/fd/3", []string{"status"}, &os.ProcAttr{
		Env: []string{IdentifyVar + "=1"}, Files: []*os.File{nil, out, nil, reopened},
	})
	out.Close()
	if err != nil {
		return "", errors.Unwrap(err)
	}
	timer := time.AfterFunc(10*time.Second, func() { _ = p.Kill() })
	defer timer.Stop()
	b, err := io.ReadAll(io.LimitReader(r, 100))
	_, _ = p.Wait()
	answer, ours := strings.CutPrefix(strings.TrimSpace(string(b)), identityMark)
	if !ours {
		return "", err
	}
	return answer, err
}

// identityMark begins the answer of an interpreter of ours.
const identityMark = "hospes "

// Answer is what an interpreter of ours, open as self, says when it is asked by
// IdentifyVar.
func Answer(self int) string { return identityMark + Identity(self) }
