package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

//go:generate sh -c "go run . man > ../../docs/hospes.1"

func manual(*opts, []string) error {
	writeManual(os.Stdout)
	return nil
}

const manualHead = `.\" Made by hospes man from the tables of options; do not edit.
.TH HOSPES 1 2026-11-28 hospes "User Commands"
.SH NAME
hospes \- run Linux programs built for RISC-V 64
`

const manualText = `.SH DESCRIPTION
.B hospes
runs a Linux program that was built for another instruction set, RISC-V 64, as an ordinary
process of this machine.
The program may be static or dynamic, or a script with a
.B #!
line.
What it starts in turn is run in the same way; programs of this machine run as they are.
.PP
The libraries of a dynamic program are found in the root file system that the program
lies in, or that
.B \-L
names.
.B hospes run
runs a program inside a root file system, of which it cannot see anything outside.
`

const manualTail = `.SH EXIT STATUS
That of the program.
If a signal kills the program,
.B hospes
dies of the same signal.
.TP
.B 127
The program was not found.
.TP
.B 126
It cannot be executed.
.TP
.B 125
.B hospes
itself failed, or
.B \-\-check
has found a difference.
.TP
.B 2
The command line is wrong.
.TP
.B 1
A command such as
.B hospes status
could not be carried out, or its answer is no.
.SH EXAMPLES
.nf
`

// writeManual writes the manual page, in the macros of man(7).
func writeManual(w io.Writer) {
	fmt.Fprint(w, manualHead, ".SH SYNOPSIS\n")
	for i, s := range synopses() {
		if i > 0 {
			fmt.Fprintln(w, ".br")
		}
		fmt.Fprintf(w, ".B hospes\n%s\n", roff(strings.TrimPrefix(s, "hospes ")))
	}
	fmt.Fprint(w, manualText, ".SH OPTIONS\nEach option can also be given by the variable in brackets; the command line counts.\n")
	manualOptions(w, table)
	fmt.Fprint(w, ".SH COMMANDS\n")
	for _, c := range commands() {
		fmt.Fprintf(w, ".SS %s\n%s.\n", roff(c.synopsis()), roff(capital(c.help)))
		manualOptions(w, c.options)
		if c.takesProgram() {
			fmt.Fprint(w, ".PP\nThe options above can be given, too, but for\n.BR \\-L .\n")
		}
	}
	fmt.Fprint(w, manualTail)
	for line := range strings.Lines(examples) {
		fmt.Fprint(w, roff(line))
	}
	fmt.Fprint(w, ".fi\n")
}

// synopses are all that can be typed.
func synopses() []string {
	list := []string{"hospes [OPTIONS] PROGRAM [ARGUMENTS...]", "hospes [OPTIONS] --demo"}
	for _, c := range commands() {
		list = append(list, c.synopsis())
	}
	return list
}

func manualOptions(w io.Writer, table []option) {
	for _, opt := range table {
		var names []string
		for _, name := range opt.dashed() {
			names = append(names, `\fB`+roff(name)+`\fR`)
		}
		text := strings.Join(names, ", ")
		if opt.arg != "" {
			text += ` \fI` + roff(opt.arg) + `\fR`
		}
		if opt.env != "" {
			text += " [" + opt.env + "]"
		}
		fmt.Fprintf(w, ".TP\n%s\n%s.\n", text, roff(capital(opt.help)))
	}
}

// roff escapes what troff would take for its own.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
