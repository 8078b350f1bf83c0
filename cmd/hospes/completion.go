package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Completions are made from the same tables as the help text. A value that is one of
// several words is completed with these, a file or directory with names of some.

// shells are those that there are completions for.
var shells = []string{"bash", "zsh", "fish"}

func completion(_ *opts, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("which shell? %s", strings.Join(shells, ", "))}
	}
	switch args[0] {
	case "bash":
		completeBash(os.Stdout)
	case "zsh":
		completeZsh(os.Stdout)
	case "fish":
		completeFish(os.Stdout)
	default:
		return usageError{fmt.Errorf("%q is none of %s", args[0], strings.Join(shells, ", "))}
	}
	return nil
}

// words are what the value of an option can be, if it is one of some.
func (opt *option) words() []string {
	if !strings.Contains(opt.arg, "|") {
		return nil
	}
	return strings.Split(opt.arg, "|")
}

// isDirectory reports whether the value of an option is a directory, and isFile, whether
// it is any file.
func (opt *option) isDirectory() bool { return opt.arg == "DIR" }

func (opt *option) isFile() bool {
	switch opt.arg {
	case "FILE", "ROOT", "PROGRAM", "HOST:GUEST[:ro]":
		return true
	}
	return false
}

// allOptions are the options that the command takes.
func (c *command) allOptions() []option {
	if c.takesProgram() {
		return append(c.options[:len(c.options):len(c.options)], table...)
	}
	return c.options
}

// dashedAll are the names of all options of a table as they are typed.
func dashedAll(table []option, keep func(*option) bool) (names []string) {
	for i := range table {
		if keep(&table[i]) {
			names = append(names, table[i].dashed()...)
		}
	}
	return names
}

const bashHead = `# bash completion for hospes: eval "$(hospes completion bash)"
_hospes() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= i word
	COMPREPLY=()
	# --option=value is three words.
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ]; then
		prev=${COMP_WORDS[COMP_CWORD-2]}
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		%s)
			i=$((i + 1))
			[ "${COMP_WORDS[i]}" != = ] || i=$((i + 1))
			;;
		-*) ;;
		*)
			# A command, or a program with arguments of its own.
			if [ $i != 1 ] || ! command=$(_hospes_options "$word"); then
				_hospes_reply -f -- "$cur"
				return
			fi
			;;
		esac
	done
	case $prev in
`

const bashWords = `	esac
	case $cur in
	-*) _hospes_reply -W "${command:-$(_hospes_options)}" -- "$cur" ;;
	*)
		_hospes_reply -f -- "$cur"
		[ $COMP_CWORD != 1 ] || COMPREPLY+=($(compgen -W "%s" -- "$cur"))
		case ${COMP_WORDS[1]} in
`

const bashOptions = `		esac
		;;
	esac
}
# Names of files may have spaces.
_hospes_reply() { mapfile -t COMPREPLY < <(compgen "$@"); }
_hospes_options() {
	case $1 in
	"") echo %q ;;
`

func completeBash(w io.Writer) {
	all := slices.Clone(table)
	for _, c := range commands() {
		all = append(all, c.options...)
	}
	fmt.Fprintf(w, bashHead, strings.Join(dashedAll(all, func(o *option) bool { return o.arg != "" }), "|"))
	for i := range all {
		if opt := &all[i]; opt.arg != "" {
			fmt.Fprintf(w, "\t%s) %sreturn ;;\n", strings.Join(opt.dashed(), "|"), opt.bashReply())
		}
	}
	fmt.Fprintf(w, bashWords, strings.Join(commandNames(), " "))
	for _, c := range commands() {
		if c.words != nil {
			fmt.Fprintf(w, "\t\t%s) [ $COMP_CWORD = 1 ] || _hospes_reply -W %q -- \"$cur\" ;;\n", c.name, strings.Join(c.words, " "))
		}
	}
	fmt.Fprintf(w, bashOptions, strings.Join(dashedAll(table, anyOption), " "))
	for _, c := range commands() {
		fmt.Fprintf(w, "\t%s) echo %q ;;\n", c.name, strings.Join(append(dashedAll(c.allOptions(), anyOption), "--help"), " "))
	}
	fmt.Fprint(w, "\t*) return 1 ;;\n\tesac\n}\ncomplete -o filenames -o bashdefault -o default -F _hospes hospes\n")
}

// bashReply is the command that completes the option's value, if there is something to
// complete.
func (opt *option) bashReply() string {
	how := ""
	switch {
	case opt.words() != nil:
		how = `-W "` + strings.Join(opt.words(), " ") + `"`
	case opt.isDirectory():
		how = "-d"
	case opt.isFile():
		how = "-f"
	default:
		return ""
	}
	return fmt.Sprintf(`_hospes_reply %s -- "$cur"; `, how)
}

func anyOption(*option) bool { return true }

func commandNames() (names []string) {
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return names
}

func completeZsh(w io.Writer) {
	fmt.Fprint(w, "#compdef hospes\n# zsh completion for hospes: source <(hospes completion zsh)\n_hospes() {\n\tlocal -a commands\n\tcommands=(\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "\t\t%s\n", shellQuote(c.name+":"+c.help))
	}
	fmt.Fprint(w, "\t)\n\tif ((CURRENT > 2)); then\n\t\tcase $words[2] in\n")
	for _, c := range commands() {
		last := "':: :'"
		switch {
		case c.takesProgram():
			last = "'*::program:_normal'"
		case c.words != nil:
			last = shellQuote("1:" + c.name + ":(" + strings.Join(c.words, " ") + ")")
		}
		fmt.Fprintf(w, "\t\t%s)\n\t\t\tshift words; ((CURRENT--))\n\t\t\t_arguments -S %s\\\n\t\t\t\t%s\n\t\t\treturn ;;\n", c.name, zshSpecs(c.allOptions()), last)
	}
	fmt.Fprintf(w, "\t\tesac\n\tfi\n\t((CURRENT > 2)) || _describe command commands\n\t_arguments -S %s\\\n\t\t'*::program:_normal'\n}\n", zshSpecs(table))
	fmt.Fprint(w, "if [ \"$funcstack[1]\" = _hospes ]; then _hospes \"$@\"; else compdef _hospes hospes; fi\n")
}

// zshSpecs are the options in the form that _arguments wants, a line each.
func zshSpecs(table []option) string {
	var b strings.Builder
	for i := range table {
		opt := &table[i]
		help := strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`).Replace(opt.help)
		value := ""
		switch arg := strings.NewReplacer(":", `\:`, "[", "", "]", "").Replace(opt.arg); {
		case opt.arg == "":
		case opt.words() != nil:
			value = ":value:(" + strings.Join(opt.words(), " ") + ")"
		case opt.isDirectory():
			value = ":" + arg + ":_files -/"
		case opt.isFile():
			value = ":" + arg + ":_files"
		default:
			value = ":" + arg + ":"
		}
		for _, name := range opt.dashed() {
			if strings.HasPrefix(name, "--") && value != "" {
				name += "="
			}
			fmt.Fprintf(&b, "\\\n\t\t\t\t%s ", shellQuote("*"+name+"["+help+"]"+value))
		}
	}
	return b.String()
}

func completeFish(w io.Writer) {
	fmt.Fprintln(w, "# fish completion for hospes: hospes completion fish | source")
	none := "not __fish_seen_subcommand_from " + strings.Join(commandNames(), " ")
	for _, c := range commands() {
		fmt.Fprintf(w, "complete -c hospes -n __fish_use_subcommand -a %s -d %s\n", c.name, shellQuote(c.help))
	}
	fishOptions(w, none, table)
	for _, c := range commands() {
		seen := "__fish_seen_subcommand_from " + c.name
		fishOptions(w, seen, c.allOptions())
		if c.words != nil {
			fmt.Fprintf(w, "complete -c hospes -f -n %s -a %s\n", shellQuote(seen), shellQuote(strings.Join(c.words, " ")))
		}
	}
}

func fishOptions(w io.Writer, when string, table []option) {
	for i := range table {
		opt := &table[i]
		fmt.Fprintf(w, "complete -c hospes -n %s", shellQuote(when))
		for _, name := range opt.flags() {
			if len(name) == 1 {
				fmt.Fprintf(w, " -s %s", name)
			} else {
				fmt.Fprintf(w, " -l %s", name)
			}
		}
		switch {
		case opt.arg == "":
		case opt.words() != nil:
			fmt.Fprintf(w, " -x -a %s", shellQuote(strings.Join(opt.words(), " ")))
		case opt.isDirectory():
			fmt.Fprint(w, " -x -a '(__fish_complete_directories)'")
		case opt.isFile():
			fmt.Fprint(w, " -r -F")
		default:
			fmt.Fprint(w, " -x")
		}
		fmt.Fprintf(w, " -d %s\n", shellQuote(opt.help))
	}
}

// shellQuote makes one word of a text, for each of the shells.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
