package item_test

import (
	"fmt"

	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/jsonscan"
)

// JSON becomes the stored form in one pass, and the stored form JSON again.
func ExampleDecoder_Item() {
	var s jsonscan.Scanner
	s.Reset([]byte(`{"pk": {"S": "a"}, "total": {"N": "1.50e1"}, "tags": {"SS": ["b", "a"]}}`))
	var d item.Decoder
	stored, err := d.Item(&s, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	it := item.Item(stored)
	total, _ := it.Get("total")
	fmt.Println(total.Type(), total.Number(), it.Size(), "bytes as DynamoDB counts them")
	fmt.Printf("%s\n", item.AppendItemJSON(nil, it))
	// Output:
	// N 15 16 bytes as DynamoDB counts them
	// {"pk":{"S":"a"},"tags":{"SS":["a","b"]},"total":{"N":"15"}}
}

// The bytes of keys sort as the values do.
func ExampleAppendKey() {
	nine, _ := item.N("9")
	ten, _ := item.N("10")
	fmt.Println(string(item.AppendKey(nil, nine)) < string(item.AppendKey(nil, ten)))
	// Output: true
}
