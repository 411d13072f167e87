package main

import (
	"net/rpc"
	"time"
)

type Inner struct {
	Label string
	Sizes []int
}

type Everything struct {
	Yes      bool
	Small    int8
	Large    int64
	Natural  uint64
	Real     float64
	Text     string
	Raw      []byte
	Three    [3]int
	Strings  []string
	Counts   map[string]int
	Numbered map[int]string
	In       Inner
	Pointer  *Inner
	Nothing  *Inner
	Many     []Inner
	Any      any
	When     time.Time
}

func example() Everything {
	return Everything{
		Yes: true, Small: -8, Large: -1 << 62, Natural: 1<<64 - 1, Real: 2.5, Text: "text", Raw: []byte{0, 255},
		Three: [3]int{1, 0, 3}, Strings: []string{"a", ""}, Counts: map[string]int{"one": 1},
		Numbered: map[int]string{7: "seven"}, In: Inner{"in", []int{1, -2}}, Pointer: &Inner{Label: "pointed"},
		Many: []Inner{{"m", nil}, {}}, Any: "something", When: time.Unix(1, 0),
	}
}

type Quotient struct{ Quo, Rem int }

// The service "Values" is the test's own: what it sends and expects is in go_test.py.
func values(client *rpc.Client) {
	var text string
	check("Everything", client.Call("Values.Everything", example(), &text))
	expect("Everything", text, "as expected")
	check("zeros", client.Call("Values.Zeros", &Everything{}, &text))
	expect("zeros", text, "as expected")

	var quotient Quotient
	check("struct", client.Call("Values.Struct", 0, &quotient))
	expect("struct", quotient, Quotient{3, 1})
	quotient = Quotient{}
	check("declared struct", client.Call("Values.DeclaredStruct", 0, &quotient))
	expect("declared struct", quotient, Quotient{3, 0})
	check("lower case", client.Call("Values.LowerCase", 0, &quotient))
	expect("lower case", quotient, Quotient{5, 6})

	var natural uint64
	check("uint", client.Call("Values.Natural", 0, &natural))
	expect("uint", natural, uint64(1<<64-1))
	var real float64
	check("float", client.Call("Values.Real", 0, &real))
	expect("float", real, 3.0)
	var raw []byte
	check("bytes", client.Call("Values.Raw", 0, &raw))
	expect("bytes", raw, []byte{0, 1, 255})
	var yes bool
	check("bool", client.Call("Values.Yes", 0, &yes))
	expect("bool", yes, true)

	var counts map[string]int
	check("map", client.Call("Values.Counts", 0, &counts))
	expect("map", counts, map[string]int{"a": 1, "b": -2})
	var empty []string
	check("declared empty list", client.Call("Values.Empty", 0, &empty))
	expect("declared empty list", len(empty), 0)
	var nested struct {
		Items []Inner
		Index map[string][]float64
		Extra string
	}
	check("nested", client.Call("Values.Nested", 0, &nested))
	expect("nested", nested.Items, []Inner{{"x", []int{1, 2}}, {Label: "y"}})
	expect("nested", nested.Index, map[string][]float64{"k": {1, 2.5}})
	check("nothing", client.Call("Values.Nothing", 0, &struct{}{}))

	if err := client.Call("Values.Mixed", 0, &raw); err == nil {
		fail("a list of different types was taken")
	}
	if err := client.Call("Values.Struct", complex(1, 2), &quotient); err == nil {
		fail("a complex number was taken")
	}
	check("struct", client.Call("Values.Struct", 0, &quotient)) // the connection lives on
}

func jsonValues(client *rpc.Client) {
	var quotient Quotient
	check("struct", client.Call("Values.Struct", 0, &quotient))
	expect("struct", quotient, Quotient{3, 1})
	var counts map[string]int
	check("map", client.Call("Values.Counts", map[string][]string{"a": {"b"}}, &counts))
	expect("map", counts, map[string]int{"a": 1, "b": -2})
	var back Inner
	check("Echo", client.Call("EchoUtil.Echo", Inner{"in", []int{1, -2}}, &back))
	expect("Echo", back, Inner{"in", []int{1, -2}})
}
