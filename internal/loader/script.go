package loader

import (
	"bytes"
	"errors"
)

const (
	// headSize is how much of a file decides about its format (BINPRM_BUF_SIZE);
	// a #! line ends here at the latest.
	headSize = 256

	// maxDepth is how many interpreters may be between a script and a program.
	maxDepth = 5
)

// script is a parsed #! line.
type script struct {
	interp string
	arg    string
	hasArg bool
}

var (
	errScriptEmpty = errors.New("#! line without an interpreter")
	errScriptLong  = errors.New("#! line too long: the interpreter's path may be cut off")
)

func isScript(head []byte) bool { return bytes.HasPrefix(head, []byte("#!")) }

// parseScript takes apart the #! line of a script by the rules of Linux's
// load_script: blanks separate the interpreter from one optional argument, which
// is the rest of the line without blanks at its end. A line that does not end
// within headSize bytes is accepted if the interpreter's path does; the argument
// may then be cut off. Behind the end of the file there are NULs, which end the
// path and the argument, but unlike a newline do not have blanks before them
// removed.
func parseScript(head []byte) (script, error) {
	var b scriptLine
	copy(b[:], head)
	const start, last = len("#!"), headSize - 1
	end := bytes.IndexAny(b[:], "\n\x00")
	if end < 0 || b[end] == 0 {
		path := b.skipBlanks(start, last)
		switch {
		case path < 0:
			return script{}, errScriptEmpty
		case b.wordEnd(path, last) < 0:
			return script{}, errScriptLong
		}
		end = last
	}
	for isBlank(b[end-1]) {
		end--
	}
	name := b.skipBlanks(start, end)
	if name < 0 || name == end {
		return script{}, errScriptEmpty
	}
	sep, arg := b.wordEnd(name, end), -1
	if sep >= 0 && b[sep] != 0 {
		arg = b.skipBlanks(sep, end)
	}
	b[end] = 0
	if arg < 0 {
		return script{interp: string(b.str(name))}, nil
	}
	b[sep] = 0
	return script{string(b.str(name)), string(b.str(arg)), true}, nil
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// scriptLine is the start of a script, NULs behind its end.
type scriptLine [headSize]byte

// skipBlanks is the index of the first byte in [from, last] that is no blank, or -1.
func (b *scriptLine) skipBlanks(from, last int) int {
	for i := from; i <= last; i++ {
		if !isBlank(b[i]) {
			return i
		}
	}
	return -1
}

// wordEnd is the index of the first blank or NUL in [from, last], or -1.
func (b *scriptLine) wordEnd(from, last int) int {
	for i := from; i <= last; i++ {
		if isBlank(b[i]) || b[i] == 0 {
			return i
		}
	}
	return -1
}

// str is the NUL-terminated string at from.
func (b *scriptLine) str(from int) []byte {
	s, _, _ := bytes.Cut(b[from:], []byte{0})
	return s
}

// rewrite is the argument list for the interpreter of a script: its name, its
// argument, the script's path, then the script's own arguments.
func (s *script) rewrite(path string, argv []string) []string {
	out := make([]string, 0, len(argv)+2)
	out = append(out, s.interp)
	if s.hasArg {
		out = append(out, s.arg)
	}
	return append(append(out, path), argv[1:]...)
}
