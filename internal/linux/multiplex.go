//go:build linux && amd64

package linux

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Calls whose arguments depend on the operation that one of them names: an argument
// specification for each operation.

// multiplexed returns the handler of such a call of the host. The operation is that of
// the argument at index op, shifted to the right. Unknown ones have the specification
// other: without pointers, the host can but refuse them.
// If that is empty they fail with EOPNOTSUPP.
func multiplexed(nr uintptr, op, shift int, specs map[uint32]string, other string) Handler {
	do := hostCall(nr)
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		spec, ok := specs[c.Uint(op)>>shift]
		if !ok {
			spec = other
		}
		if spec == "" {
			return 0, syscall.EOPNOTSUPP
		}
		row := *c.Row
		row.Args = spec
		return do(t, &Call{Row: &row, Args: c.Args})
	}
}

// keyctls are the operations of keyctl(2), but for those with structures that hold
// pointers.
var keyctls = map[uint32]string{
	unix.KEYCTL_GET_KEYRING_ID:       "op:int key:int create:int",
	unix.KEYCTL_JOIN_SESSION_KEYRING: "op:int name:str",
	unix.KEYCTL_UPDATE:               "op:int key:int payload:in(bytes:plen) plen:size",
	unix.KEYCTL_REVOKE:               "op:int key:int",
	unix.KEYCTL_CHOWN:                "op:int key:int uid:uid gid:gid",
	unix.KEYCTL_SETPERM:              "op:int key:int perm:uint",
	unix.KEYCTL_DESCRIBE:             "op:int key:int buf:out(bytes:len) len:size",
	unix.KEYCTL_CLEAR:                "op:int ring:int",
	unix.KEYCTL_LINK:                 "op:int key:int ring:int",
	unix.KEYCTL_UNLINK:               "op:int key:int ring:int",
	unix.KEYCTL_SEARCH:               "op:int ring:int type:str description:str dest:int",
	unix.KEYCTL_READ:                 "op:int key:int buf:out(bytes:len) len:size",
	unix.KEYCTL_INSTANTIATE:          "op:int key:int payload:in(bytes:plen) plen:size ring:int",
	unix.KEYCTL_NEGATE:               "op:int key:int timeout:uint ring:int",
	unix.KEYCTL_SET_REQKEY_KEYRING:   "op:int reqkey:int",
	unix.KEYCTL_SET_TIMEOUT:          "op:int key:int timeout:uint",
	unix.KEYCTL_ASSUME_AUTHORITY:     "op:int key:int",
	unix.KEYCTL_GET_SECURITY:         "op:int key:int buf:out(bytes:len) len:size",
	unix.KEYCTL_SESSION_TO_PARENT:    "op:int",
	unix.KEYCTL_REJECT:               "op:int key:int timeout:uint error:uint ring:int",
	unix.KEYCTL_INVALIDATE:           "op:int key:int",
	unix.KEYCTL_GET_PERSISTENT:       "op:int uid:uid dest:int",
	unix.KEYCTL_RESTRICT_KEYRING:     "op:int ring:int type:str restriction:str",
	unix.KEYCTL_MOVE:                 "op:int key:int from:int to:int flags:uint",
	unix.KEYCTL_CAPABILITIES:         "op:int buf:out(bytes:len) len:size",
	unix.KEYCTL_WATCH_KEY:            "op:int key:int queue:fd id:int",
}

// Shift of the command in the first argument of quotactl(2), whose lowest byte is the
// kind of quota.
const quotaShift = 8

// quotas are the commands of quotactl(2), by what their last argument is; the others
// are the same for all.
var quotas = map[uint32]string{
	0x800001: "ptr",                // Q_SYNC
	0x800002: "path",               // Q_QUOTAON
	0x800003: "ptr",                // Q_QUOTAOFF
	0x800004: "out(uint)",          // Q_GETFMT
	0x800005: "out(dqinfo)",        // Q_GETINFO
	0x800006: "in(dqinfo)",         // Q_SETINFO
	0x800007: "out(dqblk)",         // Q_GETQUOTA
	0x800008: "in(dqblk)",          // Q_SETQUOTA
	0x800009: "out(nextdqblk)",     // Q_GETNEXTQUOTA
	0x5801:   "in(uint)",           // Q_XQUOTAON
	0x5802:   "in(uint)",           // Q_XQUOTAOFF
	0x5803:   "out(fs_disk_quota)", // Q_XGETQUOTA
	0x5804:   "in(fs_disk_quota)",  // Q_XSETQLIM
	0x5805:   "out(fs_quota_stat)", // Q_XGETQSTAT
	0x5806:   "in(uint)",           // Q_XQUOTARM
	0x5807:   "ptr",                // Q_XQUOTASYNC
	0x5809:   "out(fs_disk_quota)", // Q_XGETNEXTQUOTA
}

// quotaSpecs completes the specifications of quotas with what comes before.
func quotaSpecs(before string) map[uint32]string {
	specs := map[uint32]string{}
	for cmd, kind := range quotas {
		specs[cmd] = before + " addr:" + kind
	}
	return specs
}
