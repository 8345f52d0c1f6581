package text

import (
	"strings"
	"unicode"
)

// The letters below are drawn alike in most fonts. They are taken from the data
// of UTS #39 (confusables.txt, Unicode 15.0), as far as keyboards for Latin,
// Greek and Cyrillic have them; small capitals, and the Cyrillic and Greek small
// letters that are drawn as these, count as the letters that they are of.
// Accents stay apart, and so do letters that only resemble each other.

// capitals are Greek and Cyrillic capital letters with a Latin shape. They are
// looked up before the case is folded: the small letters of some have another.
var capitals = pairs(
	"ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX ϹC ϺM ϜF ͿJ " +
		"АA ВB ЕE ЅS ІI ЈJ КK МM НH ОO РP СC ТT УY ҮY ХX ԌG ԜW ѴV ӀI ЬB")

// letters are small ones, and signs, with the case folded.
var letters = pairs(
	"αa γy ιi κk νv οo ρp ϱp σo τt υu ϲc ϳj " +
		"аa вb гr еe кk мm нh оo пπ рp сc тt уy үy фφ хx ѕs іi јj ԁd ԛq ԝw һh ӏl ьb ѡw ѵv ҽe " +
		"ıi ɑa ɡg ɩi ʋu ᴀa ʙb ᴄc ᴅd ᴇe ꜰf ɢg ʜh ɪi ᴊj ᴋk ʟl ᴍm ɴn ᴏo ᴘp ʀr ꜱs ᴛt ᴜu ᴠv ᴡw ʏy ᴢz " +
		"‐- ‑- ‒- –- −- ‘' ’' ʼ' `' |l ∣l ǀl")

// shapes are those that letters and digits share once the case is folded: Il1i, O0o.
var shapes = strings.NewReplacer("rn", "m", "1", "l", "i", "l", "0", "o")

// hidden is what a clean name may hold without showing it.
var hidden = strings.NewReplacer(string(zwnj), "", string(zwj), "", string(emojiStyle), "")

func pairs(list string) map[rune]rune {
	m := make(map[rune]rune)
	for pair := range strings.FieldsSeq(list) {
		r := []rune(pair)
		m[r[0]] = r[1]
	}
	return m
}

// shape is the letter as which a letter is drawn, with the case folded.
func shape(r rune) rune {
	if to, ok := capitals[r]; ok {
		r = to
	}
	r = unicode.ToLower(r)
	if to, ok := letters[r]; ok {
		return to
	}
	return r
}
