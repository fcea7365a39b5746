package mtasts

import (
	"crypto/rand"
	"encoding/binary"
	"time"
)

// randomNumber is for seeds, and for a boot that has no name.
func randomNumber() uint32 {
	var octets [4]byte
	rand.Read(octets[:])
	return binary.LittleEndian.Uint32(octets[:])
}

var processStart = time.Now()

// processClock is for systems that do not say when they booted: every process counts as a boot of its own, which is only
// more careful.
func processClock() func() Clock {
	boot := randomNumber()
	return func() Clock {
		return Clock{Now: unixNow(), UptimeMS: uint64(time.Since(processStart).Milliseconds()), Boot: boot}
	}
}

func unixNow() uint32 { return uint32(min(max(time.Now().Unix(), 0), 1<<32-1)) }

const day = 86_400

// steadyTime is Unix time for what outlives this process: the wall clock, but never more than a day ahead of where it stood
// at the start plus what has passed since. One moment of a clock set years ahead must not become the store's high-water
// time, by which every policy would be expired after the next boot.
func steadyTime(read func() Clock) func() uint32 {
	start := read()
	return func() uint32 {
		clock := read()
		return uint32(min(uint64(clock.Now), uint64(start.Now)+(clock.UptimeMS-start.UptimeMS)/1000+day))
	}
}
