//go:build linux && amd64

package linux

import "golang.org/x/sys/unix"

// nestedTypes are the ioctl types (second byte of the request) whose structures
// hold pointers.
var nestedTypes = [256]bool{
	0x22: true, // SCSI generic
	'U':  true, // usbdevfs
	'd':  true, // DRM
	'N':  true, // NVMe
	'V':  true, // video4linux
	'b':  true, // binder
	0xae: true, // KVM
}

const (
	sockIoctlType = 0x89
	sizeofIfreq   = 40
)

// ifreqArg is the argument of the socket requests without an encoded size, which
// are about interfaces: struct ifreq.
func ifreqArg(req uint32) (ioctlArg, bool) {
	switch {
	case req >= unix.SIOCGIFNAME && req <= unix.SIOCGIFTXQLEN+1, // to SIOCSIFTXQLEN
		req == unix.SIOCGIFMAP, req == unix.SIOCSIFMAP:
		return ioctlArg{ioctlInOut, sizeofIfreq}, true
	}
	return ioctlArg{kind: ioctlNested}, true
}

// Requests that x/sys does not name.
const (
	fibmap           = 1
	figetbsz         = 2
	fsIocFiemap      = 0xc020660b
	fionread         = 0x541b
	fiosetown        = 0x8901
	fiogetown        = 0x8903
	loopChangeFd     = 0x4c06
	fioqsize         = 0x5460
	tiocgserial      = 0x541e
	tiocsserial      = 0x541f
	tiocgicount      = 0x545d
	tiocglcktrmios   = 0x5456
	tiocslcktrmios   = 0x5457
	tcgeta           = 0x5405
	tcseta           = 0x5406
	tcsetaw          = 0x5407
	tcsetaf          = 0x5408
	fioclex          = 0x5451
	fionclex         = 0x5450
	fioasync         = 0x5452
	fionbio          = 0x5421
	siocgstamp       = 0x8906
	siocgstampns     = 0x8907
	siocgarp         = 0x8954
	tunAttachFilter  = 0x401054d5
	tunDetachFilter  = 0x401054d6
	tunGetFilter     = 0x801054db
	tiocgptpeer      = 0x5441
	kdsetmode        = 0x4b3a
	kdgetmode        = 0x4b3b
	kdgkbtype        = 0x4b33
	kdgkbmode        = 0x4b44
	kdskbmode        = 0x4b45
	vtOpenQry        = 0x5600
	vtGetMode        = 0x5601
	vtSetMode        = 0x5602
	vtGetState       = 0x5603
	vtActivate       = 0x5606
	vtWaitActive     = 0x5607
	blkDiscard       = 0x1277
	blkSecDiscard    = 0x127d
	blkZeroOut       = 0x127f
	hdioGetGeo       = 0x0301
	ficlone          = 0x40049409
	sizeofLoopInfo64 = 232
	sizeofLoopConfig = 304
	sizeofTermios    = 36
	sizeofTermio     = 18
	sizeofWinsize    = 8
	sizeofSerial     = 72
	sizeofRS485      = 32
	sizeofICount     = 80
	sizeofArpreq     = 68
	sizeofGeometry   = 16
	sizeofBlockRange = 16
	sizeofVTStat     = 6
	sizeofInt        = 4
	sizeofLong       = 8
	sizeofTimePair   = 16
)

// ioctls are the requests whose number does not say what their argument is, or says
// it wrongly. A request without direction whose argument is a small number needs
// no row.
var ioctls = map[uint32]ioctlArg{
	// Terminals (ioctl_tty(2)).
	unix.TCGETS:       {ioctlOut, sizeofTermios},
	unix.TCSETS:       {ioctlIn, sizeofTermios},
	unix.TCSETSW:      {ioctlIn, sizeofTermios},
	unix.TCSETSF:      {ioctlIn, sizeofTermios},
	tcgeta:            {ioctlOut, sizeofTermio},
	tcseta:            {ioctlIn, sizeofTermio},
	tcsetaw:           {ioctlIn, sizeofTermio},
	tcsetaf:           {ioctlIn, sizeofTermio},
	unix.TIOCGPGRP:    {ioctlOut, sizeofInt},
	unix.TIOCSPGRP:    {ioctlIn, sizeofInt},
	unix.TIOCOUTQ:     {ioctlOut, sizeofInt},
	unix.TIOCSTI:      {ioctlIn, 1},
	unix.TIOCGWINSZ:   {ioctlOut, sizeofWinsize},
	unix.TIOCSWINSZ:   {ioctlIn, sizeofWinsize},
	unix.TIOCMGET:     {ioctlOut, sizeofInt},
	unix.TIOCMBIS:     {ioctlIn, sizeofInt},
	unix.TIOCMBIC:     {ioctlIn, sizeofInt},
	unix.TIOCMSET:     {ioctlIn, sizeofInt},
	unix.TIOCGSOFTCAR: {ioctlOut, sizeofInt},
	unix.TIOCSSOFTCAR: {ioctlIn, sizeofInt},
	fionread:          {ioctlOut, sizeofInt}, // TIOCINQ
	tiocgserial:       {ioctlOut, sizeofSerial},
	tiocsserial:       {ioctlIn, sizeofSerial},
	unix.TIOCPKT:      {ioctlIn, sizeofInt},
	unix.TIOCSETD:     {ioctlIn, sizeofInt},
	unix.TIOCGETD:     {ioctlOut, sizeofInt},
	unix.TIOCGSID:     {ioctlOut, sizeofInt},
	unix.TIOCGRS485:   {ioctlOut, sizeofRS485},
	unix.TIOCSRS485:   {ioctlInOut, sizeofRS485},
	tiocgicount:       {ioctlOut, sizeofICount},
	tiocglcktrmios:    {ioctlOut, sizeofTermios},
	tiocslcktrmios:    {ioctlIn, sizeofTermios},
	tiocgptpeer:       {},

	// Namespaces (ioctl_nsfs(2)): these take no argument, and programs leave it out.
	unix.NS_GET_USERNS:    {},
	unix.NS_GET_PARENT:    {},
	unix.NS_GET_NSTYPE:    {},
	unix.NS_GET_OWNER_UID: {ioctlOut, sizeofInt},

	// All files.
	fionbio:              {ioctlIn, sizeofInt},
	fioasync:             {ioctlIn, sizeofInt},
	fioclex:              {},
	fionclex:             {},
	fioqsize:             {ioctlOut, sizeofLong},
	figetbsz:             {ioctlOut, sizeofInt},
	fibmap:               {ioctlInOut, sizeofInt},
	ficlone:              {},                    // the number of a descriptor
	unix.FS_IOC_GETFLAGS: {ioctlOut, sizeofInt}, // encoded as a long
	unix.FS_IOC_SETFLAGS: {ioctlIn, sizeofInt},

	// Sockets (socket(7), tcp(7)). Interfaces: see ifreqArg.
	unix.SIOCATMARK:  {ioctlOut, sizeofInt},
	fiosetown:        {ioctlIn, sizeofInt},
	unix.SIOCSPGRP:   {ioctlIn, sizeofInt},
	fiogetown:        {ioctlOut, sizeofInt},
	unix.SIOCGPGRP:   {ioctlOut, sizeofInt},
	siocgstamp:       {ioctlOut, sizeofTimePair},
	siocgstampns:     {ioctlOut, sizeofTimePair},
	unix.SIOCSARP:    {ioctlIn, sizeofArpreq},
	unix.SIOCDARP:    {ioctlIn, sizeofArpreq},
	siocgarp:         {ioctlInOut, sizeofArpreq},
	unix.SIOCETHTOOL: {kind: ioctlNested},
	tunAttachFilter:  {kind: ioctlNested},
	tunDetachFilter:  {kind: ioctlNested},
	tunGetFilter:     {kind: ioctlNested},

	// Block devices.
	unix.BLKROSET:      {ioctlIn, sizeofInt},
	unix.BLKROGET:      {ioctlOut, sizeofInt},
	unix.BLKGETSIZE:    {ioctlOut, sizeofLong},
	unix.BLKRAGET:      {ioctlOut, sizeofLong},
	unix.BLKFRAGET:     {ioctlOut, sizeofLong},
	unix.BLKSECTGET:    {ioctlOut, 2},
	unix.BLKSSZGET:     {ioctlOut, sizeofInt},
	unix.BLKBSZGET:     {ioctlOut, sizeofInt}, // encoded as a size_t
	unix.BLKBSZSET:     {ioctlIn, sizeofInt},
	unix.BLKPG:         {kind: ioctlNested},
	unix.BLKIOMIN:      {ioctlOut, sizeofInt},
	unix.BLKIOOPT:      {ioctlOut, sizeofInt},
	unix.BLKALIGNOFF:   {ioctlOut, sizeofInt},
	unix.BLKPBSZGET:    {ioctlOut, sizeofInt},
	unix.BLKROTATIONAL: {ioctlOut, 2},
	blkDiscard:         {ioctlIn, sizeofBlockRange},
	blkSecDiscard:      {ioctlIn, sizeofBlockRange},
	blkZeroOut:         {ioctlIn, sizeofBlockRange},
	hdioGetGeo:         {ioctlOut, sizeofGeometry},

	// Loop devices (loop(4)).
	unix.LOOP_SET_FD:       {},
	loopChangeFd:           {},
	unix.LOOP_SET_STATUS64: {ioctlIn, sizeofLoopInfo64},
	unix.LOOP_GET_STATUS64: {ioctlOut, sizeofLoopInfo64},
	unix.LOOP_CONFIGURE:    {ioctlIn, sizeofLoopConfig},

	// The console (ioctl_console(2)).
	kdsetmode:    {},
	kdgetmode:    {ioctlOut, sizeofInt},
	kdgkbtype:    {ioctlOut, 1},
	kdgkbmode:    {ioctlOut, sizeofInt},
	kdskbmode:    {},
	vtOpenQry:    {ioctlOut, sizeofInt},
	vtGetMode:    {ioctlOut, 8},
	vtSetMode:    {ioctlIn, 8},
	vtGetState:   {ioctlOut, sizeofVTStat},
	vtActivate:   {},
	vtWaitActive: {},
}
