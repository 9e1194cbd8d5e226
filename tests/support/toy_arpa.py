"""A model of four sentences, as `lmplz -o 3 --discount_fallback` of KenLM wrote it."""

TOY_SENTENCES = """\
the cat sat on the mat .
the dog sat on the cat .
a cat ate the fish .
the fish sat .
"""

TOY_ARPA = """\
\\data\\
ngram 1=13
ngram 2=19
ngram 3=23

\\1-grams:
-1.3667088\t<unk>\t0
0\t<s>\t-0.64781743
-1.1935819\t</s>\t0
-0.9741195\tthe\t-0.17609124
-0.8610052\tcat\t-0.15490194
-0.9741195\tsat\t-0.17609124
-1.1935819\ton\t-0.15490194
-1.1935819\tmat\t-0.15490194
-0.7992263\t.\t-1.3010299
-1.1935819\tdog\t-0.15490194
-1.1935819\ta\t-0.15490194
-1.1935819\tate\t-0.15490194
-1.1935819\tfish\t-0.15490194

\\2-grams:
-0.02081516\t. </s>\t0
-0.14033249\t<s> the\t-0.30103
-0.42678225\ton the\t-0.30103
-0.42678225\tate the\t-0.30103
-0.6809365\tthe cat\t-0.30103
-0.40186256\ta cat\t-0.30103
-0.75870705\tcat sat\t-0.30103
-0.42678225\tdog sat\t-0.30103
-0.64917415\tfish sat\t-0.30103
-0.5590541\tsat on\t-0.30103
-1.0329669\tthe mat\t-0.30103
-0.67542875\tcat .\t-0.30103
-0.68645346\tsat .\t-0.30103
-0.38600993\tmat .\t-0.30103
-0.583126\tfish .\t-0.30103
-1.0329669\tthe dog\t-0.30103
-1.0486242\t<s> a\t-0.30103
-0.8391578\tcat ate\t-0.30103
-0.79762954\tthe fish\t-0.30103

\\3-grams:
-0.010282886\tcat . </s>
-0.010282886\tsat . </s>
-0.010282886\tmat . </s>
-0.010282886\tfish . </s>
-0.16294901\tsat on the
-0.16294901\tcat ate the
-0.56718063\t<s> the cat
-0.4507027\ton the cat
-0.15601909\t<s> a cat
-0.47217798\tthe cat sat
-0.16294901\tthe dog sat
-0.44111258\tthe fish sat
-0.19517136\tcat sat on
-0.19517136\tdog sat on
-0.52820235\ton the mat
-0.4490747\tthe cat .
-0.21973744\tfish sat .
-0.1514598\tthe mat .
-0.41956526\tthe fish .
-0.6715965\t<s> the dog
-0.24229108\ta cat ate
-0.6084562\t<s> the fish
-0.23681292\tate the fish

\\end\\
"""
