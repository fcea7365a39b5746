package mtasts

import (
	"hash/fnv"
	"os"

	"golang.org/x/sys/unix"
)

// systemClock reads the clock that all processes of a boot share and that goes on while the machine sleeps.
func systemClock() func() Clock {
	name, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return processClock()
	}
	hash := fnv.New32a()
	hash.Write(name)
	boot, otherwise := hash.Sum32(), processClock()
	return func() Clock {
		var uptime unix.Timespec
		if unix.ClockGettime(unix.CLOCK_BOOTTIME, &uptime) != nil {
			return otherwise()
		}
		return Clock{Now: unixNow(), UptimeMS: uint64(uptime.Nano() / 1e6), Boot: boot}
	}
}
