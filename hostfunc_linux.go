package hospes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"sync/atomic"

	"github.com/hospes-vm/hospes/internal/sandbox"
)

// Caller is the guest's call of a Go function, valid as long as that has not returned.
type Caller struct {
	i        *Instance
	t        *sandbox.Task
	returned atomic.Bool
}

// Context is done when the guest is to end, whatever the reason, so functions that wait should look at it. On the guest's first thread it is made of that
// of the call of Run, Start or Call; other threads may outlive that.
func (c *Caller) Context() context.Context {
	if c.t == c.i.task {
		return c.i.running.Load().ctx
	}
	return c.i.life
}

// Instance is the instance whose guest has called. Its own methods Run, Start and Call return ErrBusy meanwhile.
func (c *Caller) Instance() *Instance { return c.i }

// Memory is the memory of the process that has called.
func (c *Caller) Memory() Memory { return Memory{c.t} }

// Call calls a function of the guest's, as Instance.Call does, on the thread that has called. If the guest ends meanwhile, the error says
// how; so will that of who runs it, whatever the Go function returns.
func (c *Caller) Call(function string, args ...any) (Result, error) {
	if c.returned.Load() {
		return Result{}, errors.New("hospes: the guest's call has returned")
	}
	r, err := c.i.callOn(c.t, function, args)
	if errors.Is(err, sandbox.ErrEnded) {
		exit := c.t.Exit()
		err = cmp.Or[error](c.i.outcome(&exit), &ExitError{})
	}
	return r, err
}

// hostFunction is a Go function that guests may call.
type hostFunction struct {
	name   string
	f      reflect.Value
	caller bool // its first argument is a *Caller
	fails  bool // its last result is an error
}

var (
	callerType = reflect.TypeFor[*Caller]()
	errorType  = reflect.TypeFor[error]()
)

// maxHostInts is how many integers the arguments of a host function may be: the last register has the number of the call.
const maxHostInts = 7

// newHostFunction checks that a Go function can be called by guests.
func newHostFunction(name string, f any) (*hostFunction, error) {
	h := &hostFunction{name: name, f: reflect.ValueOf(f)}
	bad := func(format string, args ...any) (*hostFunction, error) {
		return nil, fmt.Errorf("function %s: %s", name, fmt.Sprintf(format, args...))
	}
	if h.f.Kind() != reflect.Func || h.f.IsNil() {
		return bad("a %T is none", f)
	}
	t := h.f.Type()
	h.caller = t.NumIn() > 0 && t.In(0) == callerType
	ints, floats := 0, 0
	for n := h.first(); n < t.NumIn(); n++ {
		switch k := t.In(n).Kind(); {
		case k == reflect.Float32 || k == reflect.Float64:
			floats++
		case isInteger(k) || k == reflect.String:
			ints++
		default:
			return bad("no argument of a guest is a %s", t.In(n))
		}
	}
	if t.IsVariadic() || ints > maxHostInts || floats > 8 {
		return bad("it may have up to %d arguments that are integers or strings, and 8 floating-point numbers", maxHostInts)
	}
	results := t.NumOut()
	if h.fails = results > 0 && t.Out(results-1) == errorType; h.fails {
		results--
	}
	if results > 1 || results == 1 && !isInteger(t.Out(0).Kind()) && t.Out(0).Kind() != reflect.Float32 && t.Out(0).Kind() != reflect.Float64 {
		return bad("it may return an integer or a floating-point number, and an error")
	}
	return h, nil
}

// first is the number of the first argument that is the guest's.
func (h *hostFunction) first() int {
	if h.caller {
		return 1
	}
	return 0
}

// call calls the function for a guest.
func (h *hostFunction) call(i *Instance, t *sandbox.Task, ints, floats [8]uint64) (ri, rf uint64, err error) {
	c := &Caller{i: i, t: t}
	defer func() {
		c.returned.Store(true)
		if r := recover(); r != nil {
			err = &PanicError{r, debug.Stack()}
		}
		if cause := context.Cause(c.Context()); err != nil && cause != nil {
			err = cause // which is why the function has given up
		} else if err != nil {
			err = &HostError{h.name, err}
		}
	}()
	in, err := h.arguments(c, ints, floats)
	if err != nil {
		return 0, 0, err
	}
	out := h.f.Call(in)
	if h.fails {
		last := out[len(out)-1]
		out = out[:len(out)-1]
		if !last.IsNil() {
			return 0, 0, last.Interface().(error)
		}
	}
	if len(out) == 1 {
		ri, rf = registersOf(out[0])
	}
	return ri, rf, nil
}

// arguments are those of a call.
func (h *hostFunction) arguments(c *Caller, ints, floats [8]uint64) ([]reflect.Value, error) {
	ft := h.f.Type()
	in := make([]reflect.Value, 0, ft.NumIn())
	if h.caller {
		in = append(in, reflect.ValueOf(c))
	}
	ni, nf := 0, 0
	for n := h.first(); n < ft.NumIn(); n++ {
		switch at := ft.In(n); at.Kind() {
		case reflect.Float32, reflect.Float64:
			in = append(in, fromRegister(at, 0, floats[nf]))
			nf++
		case reflect.String:
			s, err := c.Memory().ReadString(ints[ni], maxString)
			if err != nil {
				return nil, err
			}
			in = append(in, reflect.ValueOf(s).Convert(at))
			ni++
		default:
			in = append(in, fromRegister(at, ints[ni], 0))
			ni++
		}
	}
	return in, nil
}

// maxString is how long a string may be that is an argument, in bytes.
const maxString = 1 << 20

// hostFunctions are the functions that an instance gets. All that the module was built to call must be there.
func (m *Module) hostFunctions(functions map[string]any) (map[string]*hostFunction, error) {
	list := make(map[string]*hostFunction, len(functions))
	for name, f := range functions {
		h, err := newHostFunction(name, f)
		if err != nil {
			return nil, err
		}
		list[name] = h
	}
	var missing []error
	m.parse()
	for _, name := range m.imports {
		if list[name] == nil {
			missing = append(missing, fmt.Errorf("%s calls function %s, which is not there", m.Name(), name))
		}
	}
	return list, errors.Join(missing...)
}
