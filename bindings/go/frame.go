package mtasts

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// frame is a request under construction: fixed fields, then parts behind them.
type frame struct{ octets []byte }

func newFrame(size int) *frame { return &frame{octets: make([]byte, size)} }

func (f *frame) put(field int, value uint32) { binary.LittleEndian.PutUint32(f.octets[field:], value) }

// part appends content and writes its offset and length to field.
func (f *frame) part(field int, content []byte) {
	f.put(field, uint32(len(f.octets)))
	f.put(field+4, uint32(len(content)))
	f.octets = append(f.octets, content...)
}

// appendItem appends one member of a list: a u16 length and its octets.
func appendItem(list, item []byte) ([]byte, error) {
	if len(item) > 0xffff {
		return nil, ErrTooLarge
	}
	list = binary.LittleEndian.AppendUint16(list, uint16(len(item)))
	return append(list, item...), nil
}

func listOf[T ~string | ~[]byte](items []T) ([]byte, error) {
	var list []byte
	for _, item := range items {
		var err error
		if list, err = appendItem(list, []byte(item)); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func flagOf(set bool, bit uint32) uint32 {
	if set {
		return bit
	}
	return 0
}

// numberOf prints a number that this version of the package has no word for.
func numberOf[T ~int32 | ~uint32](value T) string { return fmt.Sprintf("%d", int64(value)) }

func wordsOf(set Leniency, members ...Leniency) string {
	var words []string
	for _, member := range members {
		// LenientAll is no member of its own.
		if set&member == member && member.word() != "" {
			words = append(words, member.word())
		}
	}
	return strings.Join(words, ",")
}
