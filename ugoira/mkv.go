package ugoira

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	mkvCodec   = "V_MJPEG"
	mkvProgram = "pixivoc"

	// Blocks count their time from that of their cluster in 16 bits with sign;
	// players like clusters of about five seconds and five megabytes.
	mkvClusterTime  = 5 * time.Second
	mkvClusterBytes = 5 << 20
)

// block is one showing of a frame.
type block struct {
	frame    int
	at       time.Duration
	duration time.Duration
}

// cluster is a run of blocks.
type cluster struct {
	blocks []block
	// size is that of its content.
	size int64
}

// encodeMKV writes a Matroska file. All sizes are known before the first frame
// is read, so the index stands in front and nothing has to be mended later.
//
// With splitLast the last millisecond of the last frame is a showing of its
// own: programs that look at the starts of frames only then know its length.
func (a *Archive) encodeMKV(ctx context.Context, out io.Writer, splitLast bool) (Result, error) {
	jpegs, err := a.onlyJPEG()
	if err != nil {
		return Result{}, err
	}
	if !jpegs {
		return Result{}, fmt.Errorf("a frame is no JPEG picture: %w", errors.ErrUnsupported)
	}
	width, height, err := a.size()
	if err != nil {
		return Result{}, err
	}
	clusters := a.clusters(splitLast)
	if _, err := out.Write(a.mkvHead(clusters, width, height)); err != nil {
		return Result{}, err
	}
	result := Result{Frames: len(a.frames), Duration: a.Duration()}
	var buffer []byte
	for _, c := range clusters {
		if _, err := out.Write(c.head()); err != nil {
			return Result{}, err
		}
		for _, b := range c.blocks {
			if err := ctx.Err(); err != nil {
				return Result{}, err
			}
			if buffer, err = a.load(b.frame, width, height, buffer); err != nil {
				return Result{}, err
			}
			head, tail := a.blockGroup(b, c.at())
			for _, part := range [...][]byte{head, buffer, tail} {
				if _, err := out.Write(part); err != nil {
					return Result{}, err
				}
			}
		}
	}
	return result, nil
}

func (a *Archive) clusters(splitLast bool) []cluster {
	var clusters []cluster
	add := func(b block) {
		last := len(clusters) - 1
		if last < 0 || b.at-clusters[last].at() >= mkvClusterTime || clusters[last].size >= mkvClusterBytes {
			clusters = append(clusters, cluster{size: clusterHeadLength})
			last++
		}
		c := &clusters[last]
		c.blocks = append(c.blocks, b)
		head, tail := a.blockGroup(b, c.at())
		c.size += int64(len(head)) + a.entries[b.frame].size + int64(len(tail))
	}
	var at time.Duration
	for i, frame := range a.frames {
		b := block{i, at, frame.Delay}
		at += frame.Delay
		if splitLast && i == len(a.frames)-1 {
			b.duration -= time.Millisecond
			add(b)
			b = block{i, at - time.Millisecond, time.Millisecond}
		}
		add(b)
	}
	return clusters
}

func (c cluster) at() time.Duration { return c.blocks[0].at }

// clusterHeadLength is the length of the time stamp in a cluster.
const clusterHeadLength = 1 + 1 + 8

func (c cluster) head() []byte {
	return elements(nil).open(mkvCluster, c.size).number(mkvTimestamp, c.at().Milliseconds())
}

// blockGroup returns what stands before and after the bytes of the frame. A
// group without reference to another is a key frame (RFC 9559, section 10.2).
func (a *Archive) blockGroup(b block, cluster time.Duration) (head, tail []byte) {
	const blockHeadLength = 4
	size := blockHeadLength + a.entries[b.frame].size
	inner := elements(nil).open(mkvBlock, size)
	inner = append(inner, mkvTrackNumberVint)
	inner = binary.BigEndian.AppendUint16(inner, uint16((b.at - cluster).Milliseconds()))
	inner = append(inner, 0)
	tail = elements(nil).number(mkvBlockDuration, b.duration.Milliseconds())
	group := int64(len(inner)) + a.entries[b.frame].size + int64(len(tail))
	return append(elements(nil).open(mkvBlockGroup, group), inner...), tail
}

// mkvHead is everything before the first cluster.
func (a *Archive) mkvHead(clusters []cluster, width, height int) []byte {
	information := elements(nil).add(mkvInfo, elements(nil).
		number(mkvTimestampScale, mkvMillisecond).
		float(mkvDuration, float64(a.Duration().Milliseconds())).
		text(mkvMuxingApp, mkvProgram).
		text(mkvWritingApp, mkvProgram))
	tracks := elements(nil).add(mkvTracks, mkvTrack(width, height))
	// The places in the two indices have a fixed length, so their length is
	// known before the places are.
	seekLength := int64(len(seekHead(0, 0, 0)))
	cuesLength := int64(len(cues(clusters, 0)))
	informationAt := seekLength
	tracksAt := informationAt + int64(len(information))
	cuesAt := tracksAt + int64(len(tracks))
	clustersAt := cuesAt + cuesLength

	size := clustersAt
	for _, c := range clusters {
		size += int64(len(c.head())) - clusterHeadLength + c.size
	}
	head := elements(nil).add(ebmlHeader, elements(nil).
		number(ebmlVersion, 1).
		number(ebmlReadVersion, 1).
		number(ebmlMaxIDLength, 4).
		number(ebmlMaxSizeLength, 8).
		text(ebmlDocType, "matroska").
		number(ebmlDocTypeVersion, 4).
		number(ebmlDocTypeReadVersion, 2))
	head = append(head.open(mkvSegment, size), seekHead(informationAt, tracksAt, cuesAt)...)
	head = append(append(head, information...), tracks...)
	return append(head, cues(clusters, clustersAt)...)
}

func mkvTrack(width, height int) []byte {
	return elements(nil).add(mkvTrackEntry, elements(nil).
		number(mkvTrackNumber, mkvVideoTrack).
		number(mkvTrackUID, 1).
		number(mkvTrackType, mkvVideoTrack).
		number(mkvFlagLacing, 0).
		text(mkvLanguage, "und").
		text(mkvCodecID, mkvCodec).
		add(mkvVideo, elements(nil).
			number(mkvFlagInterlaced, mkvProgressive).
			number(mkvPixelWidth, int64(width)).
			number(mkvPixelHeight, int64(height))))
}

// seekHead says where the other parts begin, counted from the content of the
// segment (RFC 9559, section 6.3).
func seekHead(information, tracks, cues int64) []byte {
	seek := func(id uint32, at int64) []byte {
		return elements(nil).add(mkvSeek, elements(nil).add(mkvSeekID, appendID(nil, id)).number(mkvSeekPosition, at))
	}
	all := append(seek(mkvInfo, information), seek(mkvTracks, tracks)...)
	return elements(nil).add(mkvSeekHead, append(all, seek(mkvCues, cues)...))
}

// cues points to each cluster; the first begins at first.
func cues(clusters []cluster, first int64) []byte {
	var points elements
	at := first
	for _, c := range clusters {
		place := elements(nil).number(mkvCueTrack, mkvVideoTrack).number(mkvCueCluster, at)
		points = points.add(mkvCuePoint, elements(nil).
			number(mkvCueTime, c.at().Milliseconds()).
			add(mkvCueTrackPlaces, place))
		at += int64(len(c.head())) - clusterHeadLength + c.size
	}
	return elements(nil).add(mkvCues, points)
}
