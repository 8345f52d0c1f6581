package pseudonym

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	playerField = "player_id"
	publicField = "public_id"
)

// Publish puts public ids in the place of players' ids, in all fields of a message that
// are named player_id, or end so. The fields public_id become empty: they are for the
// internal port.
func (p *Pseudonyms) Publish(m proto.Message) { p.publish(m.ProtoReflect()) }

func (p *Pseudonyms) publish(m protoreflect.Message) {
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case namesPlayer(field):
			m.Set(field, protoreflect.ValueOfString(p.Public(value.String())))
		case field.Name() == publicField:
			m.Clear(field)
		case field.IsMap():
			if field.MapValue().Message() != nil {
				value.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { p.publish(v.Message()); return true })
			}
		case field.Message() == nil:
		case field.IsList():
			for i := range value.List().Len() {
				p.publish(value.List().Get(i).Message())
			}
		default:
			p.publish(value.Message())
		}
		return true
	})
}

// namesPlayer reports whether a field is a player's id.
func namesPlayer(field protoreflect.FieldDescriptor) bool {
	name := string(field.Name())
	return (name == playerField || strings.HasSuffix(name, "_"+playerField)) &&
		field.Kind() == protoreflect.StringKind && !field.IsList() && !field.IsMap()
}

// AsksByPrivate reports whether a request names a player by an id that only back ends
// may know. Only the request's own fields count.
func AsksByPrivate(request proto.Message) bool {
	private := false
	request.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		private = private || namesPlayer(field) && IsPrivate(value.String())
		return !private
	})
	return private
}
