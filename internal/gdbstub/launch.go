package gdbstub

import (
	"encoding/hex"
	"strings"
)

// Launch is a program that GDB starts (command run of target extended-remote).
type Launch struct {
	Program  string
	Args     []string // without the program's name
	SetEnv   []string // NAME=VALUE: variables in addition to those that there are
	UnsetEnv []string // names of variables that are not to be there
	Dir      string   // the working directory; "" for the one that there is
}

// launched is vRun;program;argument;..., in hexadecimal. Without a program it is the one before.
func (s *server) launched(rest string) string {
	var words []string
	for text := range strings.SplitSeq(rest, ";") {
		b, err := hex.DecodeString(text)
		if err != nil {
			return badRequest
		}
		words = append(words, string(b))
	}
	if words[0] != "" {
		s.launch.Program = words[0]
	}
	s.launch.Args = words[1:]
	if s.launch.Program == "" {
		return failure
	}
	pid, started := s.t.Run(s.launch)
	if !started {
		return failure
	}
	id, _ := s.one(ID{PID: pid})
	s.last = s.stopReply(Event{ID: id, Kind: Signal, Signal: sigTrap})
	return s.last
}

// variable adds a word in hexadecimal to a list.
func variable(list *[]string, rest string) string {
	b, err := hex.DecodeString(rest)
	if err != nil || len(b) == 0 {
		return badRequest
	}
	*list = append(*list, string(b))
	return ok
}

func (s *server) resetEnvironment(string) string {
	s.launch.SetEnv, s.launch.UnsetEnv = nil, nil
	return ok
}

// workingDir is QSetWorkingDir; without a name it is the one that there is.
func (s *server) workingDir(rest string) string {
	b, err := hex.DecodeString(rest)
	if err != nil {
		return badRequest
	}
	s.launch.Dir = string(b)
	return ok
}
