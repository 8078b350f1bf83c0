package gdbstub

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// queries are those of q and Q packets that are known, by name: what comes before the first
// colon, comma or semicolon.
var queries = map[string]func(s *server, rest string) string{
	"qSupported":             (*server).supported,
	"QStartNoAckMode":        func(*server, string) string { return ok },
	"qAttached":              (*server).attached,
	"qC":                     func(s *server, _ string) string { return "QC" + s.text(s.general) },
	"qfThreadInfo":           (*server).threadInfo,
	"qsThreadInfo":           func(*server, string) string { return "l" },
	"qThreadExtraInfo":       (*server).extraInfo,
	"qSymbol":                (*server).symbol,
	"qGetTLSAddr":            (*server).tlsAddress,
	"qXfer":                  (*server).transfer,
	"qRcmd":                  (*server).monitor,
	"QPassSignals":           (*server).passSignals,
	"QProgramSignals":        func(*server, string) string { return ok },
	"QCatchSyscalls":         (*server).catchSyscalls,
	"QNonStop":               func(_ *server, rest string) string { return map[string]string{"0": ok}[rest] },
	"QEnvironmentHexEncoded": func(s *server, rest string) string { return variable(&s.launch.SetEnv, rest) },
	"QEnvironmentUnset":      func(s *server, rest string) string { return variable(&s.launch.UnsetEnv, rest) },
	"QEnvironmentReset":      (*server).resetEnvironment,
	"QSetWorkingDir":         (*server).workingDir,
	"QDisableRandomization":  func(*server, string) string { return ok },
}

// query answers q and Q packets.
func (s *server) query(p string) string {
	name, rest := p, ""
	if i := strings.IndexAny(p, ":,;"); i >= 0 {
		name, rest = p[:i], p[i+1:]
	}
	if do := queries[name]; do != nil {
		return do(s, rest)
	}
	return unsupported
}

// features are what qSupported offers. An event's is answered only if GDB knows of it.
const features = "PacketSize=%x;QStartNoAckMode+;vContSupported+;swbreak+;hwbreak+;QPassSignals+;QProgramSignals+;" +
	"QCatchSyscalls+;QEnvironmentHexEncoded+;QEnvironmentUnset+;QEnvironmentReset+;QSetWorkingDir+;no-resumed+;binary-upload+;qXfer:features:read+;qXfer:auxv:read+;qXfer:libraries-svr4:read+;qXfer:threads:read+;" +
	"qXfer:exec-file:read+;qXfer:siginfo:read+;qXfer:siginfo:write+"

func (s *server) supported(rest string) string {
	reply := fmt.Sprintf(features, maxPacket)
	for _, f := range strings.Split(rest, ";") {
		switch f {
		case "multiprocess+":
			s.multi = true
		case "fork-events+":
			s.wants.Fork = true
		case "vfork-events+":
			s.wants.Vfork = true
		case "exec-events+":
			s.wants.Exec = true
		default:
			continue
		}
		reply += ";" + f
	}
	s.t.SetWants(s.wants)
	if t, found := s.one(s.general); found { // with the IDs that GDB understands
		s.last = s.stopReply(Event{ID: t, Kind: Signal, Signal: sigTrap})
	}
	return reply
}

func (s *server) attached(rest string) string {
	pid := s.general.PID
	if n, valid := number(rest); valid {
		pid = int(n)
	}
	if s.t.Created(pid) {
		return "0"
	}
	return "1"
}

func (s *server) threadInfo(string) string {
	var list []string
	for _, id := range s.t.Threads() {
		list = append(list, s.text(id))
	}
	if list == nil {
		return "l"
	}
	return "m" + strings.Join(list, ",")
}

func (s *server) extraInfo(rest string) string {
	id, valid := s.id(rest)
	if !valid || !s.isThread(id) {
		return failure
	}
	return hex.EncodeToString([]byte(s.t.Name(id)))
}

// passSignals reads a list of GDB's numbers of signals.
func (s *server) passSignals(rest string) string {
	s.wants.Pass = 0
	for _, text := range strings.Split(rest, ";") {
		if n, valid := number(text); valid {
			if sig := fromGDB(int(n)); sig > 0 {
				s.wants.Pass |= 1 << (sig - 1)
			}
		}
	}
	s.t.SetWants(s.wants)
	return ok
}

// catchSyscalls is 0, or 1 with a list of numbers of system calls; without one all are meant.
func (s *server) catchSyscalls(rest string) string {
	list := strings.Split(rest, ";")
	s.wants.Syscalls, s.wants.Calls = list[0] == "1", nil
	for _, text := range list[1:] {
		n, valid := number(text)
		if !valid {
			return badRequest
		}
		if s.wants.Calls == nil {
			s.wants.Calls = map[int]bool{}
		}
		s.wants.Calls[int(n)] = true
	}
	s.t.SetWants(s.wants)
	return ok
}

// monitors are what GDB's command monitor can ask for.
var monitors = map[string]func(s *server) string{
	"help": nil, // see init
	"exit": func(s *server) string {
		s.over, s.exit = true, true
		return ""
	},
	"maps":   func(s *server) string { return s.procFile("maps") },
	"status": func(s *server) string { return s.procFile("status") },
}

func init() {
	monitors["help"] = func(*server) string {
		return "Commands: " + strings.Join(slices.Sorted(maps.Keys(monitors)), ", ") + ".\n"
	}
}

// procFile is the text of a file of the current process in /proc.
func (s *server) procFile(name string) string {
	f, err := s.t.Open(s.general.PID, fmt.Sprintf("/proc/%d/%s", s.general.PID, name), 0, 0)
	if err != nil {
		return err.Error() + "\n"
	}
	defer f.Close()
	b := make([]byte, maxPacket/2-1)
	n, _ := f.ReadAt(b, 0)
	return string(b[:n])
}

// monitor is qRcmd: a command in hexadecimal digits.
func (s *server) monitor(rest string) string {
	text, err := hex.DecodeString(rest)
	if err != nil {
		return badRequest
	}
	do := monitors[strings.TrimSpace(string(text))]
	if do == nil {
		return hex.EncodeToString([]byte("No such command; try \"monitor help\".\n"))
	}
	if out := do(s); out != "" {
		return hex.EncodeToString([]byte(out))
	}
	return ok
}
