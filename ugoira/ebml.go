package ugoira

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Elements of EBML (RFC 8794) and Matroska (RFC 9559), with the marks of their
// lengths, as they stand in files.
const (
	ebmlHeader             = 0x1A45DFA3
	ebmlVersion            = 0x4286
	ebmlReadVersion        = 0x42F7
	ebmlMaxIDLength        = 0x42F2
	ebmlMaxSizeLength      = 0x42F3
	ebmlDocType            = 0x4282
	ebmlDocTypeVersion     = 0x4287
	ebmlDocTypeReadVersion = 0x4285

	mkvSegment         = 0x18538067
	mkvSeekHead        = 0x114D9B74
	mkvSeek            = 0x4DBB
	mkvSeekID          = 0x53AB
	mkvSeekPosition    = 0x53AC
	mkvInfo            = 0x1549A966
	mkvTimestampScale  = 0x2AD7B1
	mkvDuration        = 0x4489
	mkvMuxingApp       = 0x4D80
	mkvWritingApp      = 0x5741
	mkvTracks          = 0x1654AE6B
	mkvTrackEntry      = 0xAE
	mkvTrackNumber     = 0xD7
	mkvTrackUID        = 0x73C5
	mkvTrackType       = 0x83
	mkvFlagLacing      = 0x9C
	mkvLanguage        = 0x22B59C
	mkvCodecID         = 0x86
	mkvVideo           = 0xE0
	mkvFlagInterlaced  = 0x9A
	mkvPixelWidth      = 0xB0
	mkvPixelHeight     = 0xBA
	mkvCues            = 0x1C53BB6B
	mkvCuePoint        = 0xBB
	mkvCueTime         = 0xB3
	mkvCueTrackPlaces  = 0xB7
	mkvCueTrack        = 0xF7
	mkvCueCluster      = 0xF1
	mkvCluster         = 0x1F43B675
	mkvTimestamp       = 0xE7
	mkvBlockGroup      = 0xA0
	mkvBlock           = 0xA1
	mkvBlockDuration   = 0x9B
	mkvVideoTrack      = 1
	mkvProgressive     = 2
	mkvMillisecond     = 1_000_000
	mkvTrackNumberVint = 0x80 | mkvVideoTrack
)

// elements is a sequence of EBML elements.
type elements []byte

func appendID(b []byte, id uint32) []byte {
	length := (bits.Len32(id) + 7) / 8
	return append(b, binary.BigEndian.AppendUint32(nil, id)[4-length:]...)
}

// appendSize appends the length of an element in as few bytes as hold it; all
// ones would mean "unknown" (RFC 8794, section 6.2).
func appendSize(b []byte, size int64) []byte {
	length := 1
	for size >= 1<<(7*length)-1 {
		length++
	}
	whole := binary.BigEndian.AppendUint64(nil, uint64(size)|1<<(7*length))
	return append(b, whole[8-length:]...)
}

// open begins an element whose content of the given size follows.
func (e elements) open(id uint32, size int64) elements {
	return appendSize(appendID(e, id), size)
}

func (e elements) add(id uint32, content []byte) elements {
	return append(e.open(id, int64(len(content))), content...)
}

func (e elements) text(id uint32, text string) elements { return e.add(id, []byte(text)) }

// number adds an unsigned integer of eight bytes, so that its length does not
// depend on its value.
func (e elements) number(id uint32, n int64) elements {
	return e.add(id, binary.BigEndian.AppendUint64(nil, uint64(n)))
}

func (e elements) float(id uint32, x float64) elements {
	return e.add(id, binary.BigEndian.AppendUint64(nil, math.Float64bits(x)))
}
