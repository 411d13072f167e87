// Writes tests/gateway/gob_samples.hpp: bytes that Go's encoding/gob makes of values.
//
//	go run . > ../gob_samples.hpp
package main

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"math"
	"time"
)

type Request struct {
	ServiceMethod string
	Seq           uint64
}

type Point struct{ X, Y int }

type List struct {
	Value int
	Next  *List
}

type Everything struct {
	Yes     bool
	Small   int8
	Natural uint64
	Real    float64
	Text    string
	Raw     []byte
	Three   [3]int
	Strings []string
	Counts  map[string]int
	In      Point
	Pointer *Point
	Many    []Point
	Any     any
	When    time.Time
}

func sample(name string, values ...any) {
	var stream bytes.Buffer
	encoder := gob.NewEncoder(&stream)
	for _, value := range values {
		if err := encoder.Encode(value); err != nil {
			panic(err)
		}
	}
	fmt.Printf("constexpr std::string_view %s =\n", name)
	for text := fmt.Sprintf("%x", stream.Bytes()); text != ""; {
		length := min(len(text), 100)
		fmt.Printf("    %q", text[:length])
		text = text[length:]
		if text != "" {
			fmt.Println()
		}
	}
	fmt.Println(";")
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

func main() {
	gob.Register(Point{})
	fmt.Println("// Made by samples/main.go with Go's encoding/gob, as hex. Do not edit.")
	fmt.Print("#pragma once\n\n#include <string_view>\n\nnamespace rpcbroker::samples {\n\n// clang-format off\n")
	sample("integers", 0, 1, -1, 63, -64, 64, math.MaxInt64, math.MinInt64)
	sample("unsigned_integers", uint(0), uint(127), uint(128), uint64(math.MaxUint64))
	sample("reals", 0.0, 1.5, -2.25, float32(0.5), math.Inf(1))
	sample("booleans", true, false)
	sample("texts", "", "text", "\xff\xfe", []byte{0, 255})
	sample("requests", Request{"EchoUtil.CountString", 0}, "this is test", Request{"EchoUtil.CountString", 1}, "s")
	sample("everything", Everything{true, -8, math.MaxUint64, 2.5, "text", []byte{0, 255}, [3]int{1, 0, 3},
		[]string{"a", ""}, map[string]int{"one": 1}, Point{1, 2}, &Point{3, 0}, []Point{{4, 5}, {}}, Point{6, 7},
		time.Unix(1, 0).UTC()})
	sample("everything_zero", Everything{})
	sample("list", List{1, &List{2, nil}})
	sample("nested", map[string][][]int{"k": {{1, 2}, nil}}, []map[int]bool{{1: true}})
	sample("complex", complex(1, 2))
	sample("interfaces", []any{1, "a", nil, Point{1, 2}, 2.5})
	sample("empty_struct", struct{}{})
	fmt.Print("// clang-format on\n\n}  // namespace rpcbroker::samples\n")
}
