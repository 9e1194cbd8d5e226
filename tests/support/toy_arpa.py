"""A model of two sentences, as `lmplz -o 3 --discount_fallback` of KenLM wrote it."""

TOY_SENTENCES = """\
the cat sat on the mat
a dog sat on a bird
"""

TOY_ARPA = """\
\\data\\
ngram 1=11
ngram 2=13
ngram 3=12

\\1-grams:
-1.30103\t<unk>\t0
0\t<s>\t-0.30103
-0.8964594\t</s>\t0
-0.8964594\tthe\t-0.30103
-1.0532455\tcat\t-0.30103
-0.8964594\tsat\t-0.30103
-1.0532455\ton\t-0.30103
-1.0532455\tmat\t-0.30103
-0.8964594\ta\t-0.30103
-1.0532455\tdog\t-0.30103
-1.0532455\tbird\t-0.30103

\\2-grams:
-0.24913572\tmat </s>\t0
-0.24913572\tbird </s>\t0
-0.5038157\t<s> the\t-0.30103
-0.5038157\ton the\t-0.30103
-0.5313119\tthe cat\t-0.30103
-0.24913572\tcat sat\t-0.30103
-0.24913572\tdog sat\t-0.30103
-0.26421693\tsat on\t-0.30103
-0.5313119\tthe mat\t-0.30103
-0.5038157\t<s> a\t-0.30103
-0.5038157\ton a\t-0.30103
-0.5313119\ta dog\t-0.30103
-0.5313119\ta bird\t-0.30103

\\3-grams:
-0.106942795\tthe mat </s>
-0.106942795\ta bird </s>
-0.39069298\tsat on the
-0.1890183\t<s> the cat
-0.106942795\tthe cat sat
-0.106942795\ta dog sat
-0.112317815\tcat sat on
-0.112317815\tdog sat on
-0.1890183\ton the mat
-0.39069298\tsat on a
-0.1890183\t<s> a dog
-0.1890183\ton a bird

\\end\\
"""
