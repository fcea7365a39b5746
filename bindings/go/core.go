// Package mtasts decides how mail to a domain must be sent: MTA-STS (RFC 8461) and DANE (RFC 7672). The decisions are
// those of mta-sts.wasm, which docs/abi.md describes; this package brings octets in and out (Core) and, for those who
// want no loop of their own, DNS, HTTPS and a store around it (Client).
package mtasts

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// The module, as `npm run build` makes it; it is no part of the repository.
//
//go:embed mta-sts.wasm
var module []byte

// Error is a refusal of the core: a record, policy or request that is not what it should be.
type Error struct {
	Code Code
	// Offset is the octet at which reading stopped, in the text or request that was given.
	Offset int
}

func (err *Error) Error() string {
	return fmt.Sprintf("mtasts: %s (at octet %d)", err.Code.Sentence(), err.Offset)
}

// ErrNoRecord says that an RRset holds no MTA-STS record.
var ErrNoRecord = errors.New("mtasts: there is no MTA-STS record")

// ErrTooLarge says that a request does not fit the IN area of the core, 192 KiB.
var ErrTooLarge = errors.New("mtasts: the request is too large for the core")

// Core is one instance of the module. It may be used by several goroutines; their calls are made one after another, a
// microsecond each. Every call is a pure function of what it is given.
type Core struct {
	mu       sync.Mutex
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	instance *instance
}

// NewCore compiles the module, which takes some milliseconds. Close gives its memory back.
func NewCore(ctx context.Context) (*Core, error) {
	runtime := wazero.NewRuntime(ctx)
	compiled, err := runtime.CompileModule(ctx, module)
	if err != nil {
		runtime.Close(ctx)
		return nil, fmt.Errorf("mtasts: mta-sts.wasm: %w", err)
	}
	core := &Core{runtime: runtime, compiled: compiled}
	if core.instance, err = core.instantiate(ctx); err != nil {
		runtime.Close(ctx)
		return nil, err
	}
	return core, nil
}

// Close frees the module. No call may be made afterwards.
func (core *Core) Close(ctx context.Context) error { return core.runtime.Close(ctx) }

// instance holds what docs/abi.md says to ask once. The memory never grows, so the view stays valid.
type instance struct {
	module    api.Module
	memory    []byte
	in, inCap uint32
	out       uint32
	functions map[string]api.Function
	stack     [4]uint64
}

func (core *Core) instantiate(ctx context.Context) (*instance, error) {
	module, err := core.runtime.InstantiateModule(ctx, core.compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return nil, fmt.Errorf("mtasts: mta-sts.wasm: %w", err)
	}
	memory, _ := module.Memory().Read(0, module.Memory().Size())
	made := &instance{module: module, memory: memory, functions: map[string]api.Function{}}
	for name := range core.compiled.ExportedFunctions() {
		made.functions[name] = module.ExportedFunction(name)
	}
	var number [5]uint32
	for i, name := range []string{"abi_version", "in_ptr", "in_cap", "out_ptr", "out_cap"} {
		result, err := made.call(ctx, "mtasts_"+name)
		if err != nil {
			return nil, err
		}
		number[i] = uint32(result)
	}
	if number[0]>>16 != ABIMajor || number[0]&0xffff < ABIMinor {
		return nil, fmt.Errorf("mtasts: mta-sts.wasm has ABI %d.%d, this package needs %d.%d",
			number[0]>>16, number[0]&0xffff, ABIMajor, ABIMinor)
	}
	made.in, made.inCap, made.out = number[1], number[2], number[3]
	return made, nil
}

// call has room for as many arguments as any export takes.
func (in *instance) call(ctx context.Context, name string, arguments ...uint32) (int32, error) {
	function := in.functions[name]
	if function == nil {
		return 0, fmt.Errorf("mtasts: mta-sts.wasm has no export %s", name)
	}
	for i, argument := range arguments {
		in.stack[i] = uint64(argument)
	}
	if err := function.CallWithStack(ctx, in.stack[:max(len(arguments), 1)]); err != nil {
		return 0, err
	}
	return int32(uint32(in.stack[0])), nil
}

// answer is the content of OUT after a call, copied: the next call overwrites it.
type answer struct {
	status  int32
	offset  int
	payload []byte
}

// u32 reads a number of the payload; the core promises that it is there.
func (a *answer) u32(at int) uint32 { return binary.LittleEndian.Uint32(a.payload[at:]) }

func (a *answer) err() error {
	if a.status >= 0 {
		return nil
	}
	return &Error{Code: Code(a.status), Offset: a.offset}
}

// ask writes a request and calls an export with its address and length, or with those and a leniency.
func (core *Core) ask(name string, request []byte) (*answer, error) {
	return core.exchange(name, request, func(in *instance) (int32, error) {
		return in.call(context.Background(), name, in.in, uint32(len(request)))
	})
}

func (core *Core) askLenient(name string, request []byte, allowed Leniency) (*answer, error) {
	return core.exchange(name, request, func(in *instance) (int32, error) {
		return in.call(context.Background(), name, in.in, uint32(len(request)), uint32(allowed))
	})
}

// askPair calls an export that takes two texts: both are written, one behind the other.
func (core *Core) askPair(name string, first []byte, second string) (*answer, error) {
	request := append(append(make([]byte, 0, len(first)+len(second)), first...), second...)
	one, two := uint32(len(first)), uint32(len(second))
	return core.exchange(name, request, func(in *instance) (int32, error) {
		return in.call(context.Background(), name, in.in, one, in.in+one, two)
	})
}

func (core *Core) exchange(name string, request []byte, call func(in *instance) (int32, error)) (*answer, error) {
	core.mu.Lock()
	defer core.mu.Unlock()
	in := core.instance
	if uint64(len(request)) > uint64(in.inCap) {
		return nil, ErrTooLarge
	}
	copy(in.memory[in.in:], request)
	status, err := call(in)
	if err != nil {
		return nil, core.replace(context.Background(), name, err)
	}
	header := in.memory[in.out:]
	length := binary.LittleEndian.Uint32(header[outLength:])
	return &answer{
		status:  status,
		offset:  int(binary.LittleEndian.Uint32(header[outOffset:])),
		payload: append([]byte(nil), header[outHeader:outHeader+length]...),
	}, nil
}

// replace drops an instance that trapped, which is a bug of the module: its memory may say anything now.
func (core *Core) replace(ctx context.Context, name string, cause error) error {
	core.instance.module.Close(ctx)
	fresh, err := core.instantiate(ctx)
	if err != nil {
		return err
	}
	core.instance = fresh
	return fmt.Errorf("mtasts: %s trapped, please report it: %w", name, cause)
}
