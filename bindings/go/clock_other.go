//go:build !linux

package mtasts

func systemClock() func() Clock { return processClock() }
